/** A button with a menu of actions: arrows move in it, Escape and a click elsewhere close it. */
import { useEffect, useRef, useState } from "preact/hooks";

import { Icon, type IconName } from "../../ui/icon";
import { IconButton } from "./icon_button";

export interface MenuAction {
  readonly label: string;
  readonly icon: IconName;
  readonly danger?: boolean;
  readonly run: () => void;
}

export interface MenuProps {
  readonly label: string;
  readonly actions: readonly MenuAction[];
  readonly up?: boolean;
  readonly icon?: IconName;
  readonly small?: boolean;
  /** Whether the button shows its label. */
  readonly worded?: boolean;
}

export function Menu({ label, actions, up = false, icon = "more", small = true, worded = false }: MenuProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    items(list.current)[0]?.focus();
    const onPress = (event: PointerEvent) => {
      if (event.target instanceof Node && box.current?.contains(event.target)) return;
      setOpen(false);
    };
    document.addEventListener("pointerdown", onPress);
    return () => document.removeEventListener("pointerdown", onPress);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div
      class="menu"
      ref={box}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && !box.current?.contains(event.relatedTarget)) setOpen(false);
      }}
      onKeyDown={(event) => {
        if (!open) return;
        if (event.key === "Escape") {
          event.stopPropagation();
          close();
        } else if (move(list.current, event.key)) event.preventDefault();
      }}
    >
      {worded ? (
        <button type="button" class="button quiet small" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={icon} size={17} />
          {label}
        </button>
      ) : (
        <IconButton icon={icon} small={small} label={label} expanded={open} onClick={() => setOpen(!open)} />
      )}
      {open && (
        <div class={up ? "menu-list up" : "menu-list"} role="menu" aria-label={label} ref={list}>
          {actions.map((action) => (
            <button
              key={action.label}
              type="button"
              role="menuitem"
              class={action.danger ? "menu-item danger" : "menu-item"}
              onClick={() => {
                close();
                action.run();
              }}
            >
              <Icon name={action.icon} size={17} />
              {action.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function items(list: HTMLElement | null): HTMLElement[] {
  return list === null ? [] : Array.from(list.querySelectorAll<HTMLElement>("[role=menuitem]"));
}

/** Move the focus as a key says; whether it said so. */
function move(list: HTMLElement | null, key: string): boolean {
  const all = items(list);
  const at = all.findIndex((item) => item === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
  if (to === undefined) return false;
  all.at(to % all.length)?.focus();
  return true;
}
