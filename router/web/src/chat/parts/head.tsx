/** Above a chat: which model answers, and what is set. */
import { server, type ServedModel } from "../../api/server";
import { linkTo, navigate } from "../../app/route";
import { texts } from "../../texts";
import type { Chat } from "../store/types";
import { useChatActions } from "./chat_actions";
import { IconButton } from "./icon_button";
import { Menu } from "./menu";

const words = texts.chat;

export interface HeadProps {
  readonly chat: Chat | null;
  readonly models: readonly ServedModel[];
  readonly model: ServedModel | null;
  readonly chosen: string | null;
  readonly listIsOpen: boolean;
  readonly onModel: (id: string) => void;
  readonly onSettings: () => void;
  readonly onList: () => void;
}

export function Head(props: HeadProps) {
  const { chat, models, model, chosen } = props;
  const isAway = server.value !== null && model !== null && chosen !== null && chosen !== model.id;
  return (
    <header class="chat-head">
      {chat !== null && <h1 class="visually-hidden">{chat.title === "" ? words.untitled : chat.title}</h1>}
      <IconButton
        icon="menu"
        small={false}
        label={words.openList}
        expanded={props.listIsOpen}
        extra="drawer-only"
        onClick={props.onList}
      />
      {models.length > 0 && (
        <select
          class="model-select"
          aria-label={words.model}
          title={isAway ? words.notServed(chosen, model.id) : words.model}
          value={model?.id}
          onChange={(event) => props.onModel(event.currentTarget.value)}
        >
          {models.map((one) => (
            <option key={one.id} value={one.id}>
              {one.state === "ready" ? one.id : `${one.id} (${words.states[stateOf(one)]})`}
            </option>
          ))}
        </select>
      )}
      {model !== null && <ModelState model={model} />}
      <span class="composer-gap" />
      {chat !== null && (
        <IconButton
          icon="plus"
          small={false}
          label={words.fresh}
          extra="drawer-only"
          onClick={() => navigate(linkTo("chat"))}
        />
      )}
      <IconButton
        icon="settings"
        small={false}
        label={chat === null ? words.settingsNew : words.settings}
        onClick={props.onSettings}
      />
      {chat !== null && <ChatMenu chat={chat} />}
    </header>
  );
}

function ChatMenu({ chat }: { readonly chat: Chat }) {
  const { actions, dialog } = useChatActions(chat);
  return (
    <>
      <Menu label={words.moreHere} actions={actions} small={false} />
      {dialog}
    </>
  );
}

/** Nothing while the model is ready and idle. */
function ModelState({ model }: { readonly model: ServedModel }) {
  const state = stateOf(model);
  if (state === "ready") {
    return model.waiting > 0 ? <span class="model-state">{words.othersWait(model.waiting)}</span> : null;
  }
  return (
    <span class={`model-state ${state}`} role="status" title={model.detail}>
      {words.states[state]}
      {model.progress !== null && (
        <>
          <progress max={1} value={model.progress} aria-label={words.states.loading} />
          {words.progress(Math.round(model.progress * 100))}
        </>
      )}
      {state === "failed" && model.detail !== "" && <span class="model-reason">{model.detail}</span>}
    </span>
  );
}

function stateOf(model: ServedModel): keyof typeof words.states {
  return model.state in words.states ? (model.state as keyof typeof words.states) : "loading";
}
