/** A small button that shows an icon, and has a name. */
import { Icon, type IconName } from "../../ui/icon";

export interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly small?: boolean;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly extra?: string;
}

export function IconButton({
  icon,
  label,
  onClick,
  small = true,
  disabled = false,
  extra = "",
  ...state
}: IconButtonProps) {
  return (
    <button
      type="button"
      class={`button quiet icon ${small ? "small" : ""} ${extra}`}
      title={label}
      aria-label={label}
      aria-pressed={state.pressed}
      aria-expanded={state.expanded}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} size={small ? 17 : 20} />
    </button>
  );
}
