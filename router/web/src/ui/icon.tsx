/** Icons, drawn with lines on a grid of 24. */

const PATHS = {
  chat: "M4 5h16v11H9l-5 4z",
  picture: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15 9h.01",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z M6 11a6 6 0 0 0 12 0 M12 17v4",
  record: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z",
  gauge: "M4 18a8 8 0 1 1 16 0 M12 18l4-6",
  key: "M14 10a4 4 0 1 0-3.5 4L12 15.5h2V18h2.5V20.5H20V17l-6-6z",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5z",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8z M12 2v2 M12 20v2 M2 12h2 M20 12h2 M5 5l1.4 1.4 M17.6 17.6L19 19 M5 19l1.4-1.4 M17.6 6.4L19 5",
  contrast: "M12 3a9 9 0 1 0 0 18z M12 3a9 9 0 0 1 0 18",
  plus: "M12 5v14 M5 12h14",
  close: "M6 6l12 12 M18 6L6 18",
  menu: "M4 6h16 M4 12h16 M4 18h16",
  more: "M4.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0z M11.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0z M18.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0z",
  copy: "M9 9h11v11H9z M5 15H4V4h11v1",
  check: "M5 13l4 4L19 7",
  edit: "M4 20h4L19 9l-4-4L4 16z",
  trash: "M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13",
  refresh: "M20 11a8 8 0 1 0-2 6 M20 5v6h-6",
  stop: "M7 7h10v10H7z",
  send: "M12 20V5 M6 11l6-6 6 6",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14z M16 16l5 5",
  settings: "M4 7h10 M18 7h2 M16 5v4 M4 17h2 M10 17h10 M8 15v4",
  download: "M12 4v11 M7 11l5 5 5-5 M5 20h14",
  upload: "M12 16V5 M7 9l5-5 5 5 M5 20h14",
  attach: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  speaker: "M4 10v4h4l5 4V6L8 10z M17 9a4 4 0 0 1 0 6",
  play: "M7 5l12 7-12 7z",
  pause: "M8 5v14 M16 5v14",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  warning: "M12 4l9 16H3z M12 10v4 M12 17h.01",
  info: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z M12 11v6 M12 7.5h.01",
  tool: "M14 6a4 4 0 0 0 5 5L10 20l-3-3 9-9 M14 6l3-2 M19 11l2-3",
  thought: "M12 4a6 6 0 0 1 3 11v3H9v-3a6 6 0 0 1 3-11z M10 21h4",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3z M12 15v6",
  brush: "M20 4L10 14 M8 14a3 3 0 0 0-3 3c0 2-1 2-2 2 2 2 7 2 7-2a3 3 0 0 0-2-3z",
  eraser: "M9 20H20 M4.5 14.5L14 5l6 6-9 9H8.5z M9 10l6 6",
  undo: "M8 5L4 9l4 4 M4 9h10a5 5 0 0 1 0 11h-4",
  redo: "M16 5l4 4-4 4 M20 9H10a5 5 0 0 0 0 11h4",
  invert: "M4 4h16v16H4z M20 4v16H4z M10 14h6",
  dice: "M5 5h14v14H5z M9 9h.01 M15 15h.01 M15 9h.01 M9 15h.01",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon. It has no name of its own: the button or link around it has. */
export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
