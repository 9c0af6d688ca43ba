/** Asks for the API key, once, when the server wants one. */
import { useState } from "preact/hooks";

import { keyQuestion } from "../api/key";
import { texts } from "../texts";
import { Dialog } from "../ui/dialog";

export function KeyDialog() {
  const question = keyQuestion.value;
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(true);
  if (question === null) return null;
  const words = texts.key;
  const cancel = () => question.answer(null, false);
  return (
    <Dialog title={words.title} onClose={cancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const given = key.trim();
          setKey("");
          if (given !== "") question.answer(given, keep);
        }}
      >
        <p>{words.reason}</p>
        <input type="text" autocomplete="username" value="nexa" hidden readOnly />
        <label class="field">
          <span class="label">{words.label}</span>
          <input
            class="input"
            type="password"
            name="key"
            autocomplete="current-password"
            required
            autofocus
            value={key}
            aria-invalid={question.wrong}
            aria-describedby={question.wrong ? "key-error" : undefined}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {question.wrong && (
          <p class="error" id="key-error" role="alert">
            {words.wrong}
          </p>
        )}
        <label>
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />{" "}
          {words.keep}
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={cancel}>
            {texts.app.cancel}
          </button>
          <button type="submit" class="button primary">
            {words.use}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
