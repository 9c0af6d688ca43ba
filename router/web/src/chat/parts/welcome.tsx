/** A new chat before its first message. */
import type { ServedModel } from "../../api/server";
import { server } from "../../api/server";
import { texts } from "../../texts";

const words = texts.chat;

export interface WelcomeProps {
  readonly model: ServedModel | null;
  readonly onExample: (text: string) => void;
}

export function Welcome({ model, onExample }: WelcomeProps) {
  if (server.value === null) return null;
  if (model === null) {
    return (
      <div class="welcome">
        <p>{words.noModel}</p>
      </div>
    );
  }
  return (
    <div class="welcome">
      <h1>{words.welcome}</h1>
      <p class="soft">{words.welcomeModel(model.id)}</p>
      <ul class="examples">
        {words.examples.map((example) => (
          <li key={example.title}>
            <button type="button" class="example" onClick={() => onExample(example.text)}>
              <strong>{example.title}</strong>
              <span>{example.text}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
