/** Marks a part of the input picture, by mouse, pen or finger. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { urlOfBlob } from "../../media/blob_url";
import { texts } from "../../texts";
import { Dialog } from "../../ui/dialog";
import { Icon, type IconName } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { inputPicture, type InputPicture, maskedInput } from "../form/input";
import { contextOf, drawLine, drawSteps, maskFile, pngOf } from "./drawing";
import {
  isEmpty,
  type MaskHistory,
  type MaskStep,
  type Point,
  pointIn,
  redo,
  type Stroke,
  undo,
  UNTOUCHED,
  withStep,
} from "./strokes";

const MIN_DIAMETER = 0.01;
const MAX_DIAMETER = 0.4;

export function MaskEditor({ input, onClose }: { readonly input: InputPicture; readonly onClose: () => void }) {
  const words = texts.pictures.mask;
  const shown = useSignal<Blob | null>(null);
  const layer = useRef<HTMLCanvasElement>(null);
  const history = useSignal<MaskHistory>(input.mask?.history ?? UNTOUCHED);
  const tool = useSignal<Stroke["kind"]>("paint");
  /** As a share of the picture's longer side. */
  const diameter = useSignal(0.1);
  useEffect(() => void prepare(), []);
  useEffect(() => {
    if (shown.value !== null && layer.current !== null) drawSteps(contextOf(layer.current), history.value.steps);
  }, [history.value, shown.value]);

  async function prepare(): Promise<void> {
    const canvas = await maskedInput(input.file);
    if (layer.current === null) return; // closed in the meantime
    layer.current.width = canvas.width;
    layer.current.height = canvas.height;
    shown.value = await pngOf(canvas);
  }

  async function use(): Promise<void> {
    if (layer.current === null || shown.value === null) return;
    if (isEmpty(history.value)) return toast(words.empty);
    const mask = { input: shown.value, file: await maskFile(layer.current), history: history.value };
    inputPicture.value = { ...input, mask };
    onClose();
  }

  return (
    <Dialog title={words.title} wide onClose={onClose}>
      <Toolbar history={history} tool={tool} diameter={diameter} />
      <div class="mask-canvas" style={{ "--aspect": String(input.width / input.height) }}>
        {shown.value !== null && <img src={urlOfBlob(shown.value)} alt="" draggable={false} />}
        <Layer canvas={layer} history={history} kind={tool.value} diameter={diameter.value} />
      </div>
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          {texts.app.cancel}
        </button>
        <button type="button" class="button primary" disabled={shown.value === null} onClick={() => void use()}>
          {words.use}
        </button>
      </div>
    </Dialog>
  );
}

interface ToolbarProps {
  readonly history: Signal<MaskHistory>;
  readonly tool: Signal<Stroke["kind"]>;
  readonly diameter: Signal<number>;
}

function Toolbar({ history, tool, diameter }: ToolbarProps) {
  const words = texts.pictures.mask;
  const step = (next: MaskStep) => (history.value = withStep(history.value, next));
  return (
    <div class="mask-tools" role="toolbar" aria-label={words.title}>
      <ToolButton
        icon="brush"
        label={words.brush}
        pressed={tool.value === "paint"}
        onClick={() => (tool.value = "paint")}
      />
      <ToolButton
        icon="eraser"
        label={words.eraser}
        pressed={tool.value === "erase"}
        onClick={() => (tool.value = "erase")}
      />
      <input
        type="range"
        min={MIN_DIAMETER}
        max={MAX_DIAMETER}
        step={0.01}
        value={diameter.value}
        aria-label={words.size}
        title={words.size}
        onInput={(event) => (diameter.value = event.currentTarget.valueAsNumber)}
      />
      <ToolButton
        icon="undo"
        label={words.undo}
        disabled={history.value.steps.length === 0}
        onClick={() => (history.value = undo(history.value))}
      />
      <ToolButton
        icon="redo"
        label={words.redo}
        disabled={history.value.undone.length === 0}
        onClick={() => (history.value = redo(history.value))}
      />
      <ToolButton icon="invert" label={words.invert} onClick={() => step({ kind: "invert" })} />
      <ToolButton icon="trash" label={words.clear} onClick={() => step({ kind: "clear" })} />
    </div>
  );
}

interface ToolButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly onClick: () => void;
}

function ToolButton({ icon, label, pressed, disabled = false, onClick }: ToolButtonProps) {
  return (
    <button
      type="button"
      class="button icon"
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface LayerProps {
  readonly canvas: { current: HTMLCanvasElement | null };
  readonly history: Signal<MaskHistory>;
  readonly kind: Stroke["kind"];
  readonly diameter: number;
}

/** What is marked, drawn while the pointer moves; a whole stroke is one step. */
function Layer({ canvas, history, kind, diameter }: LayerProps) {
  const points = useRef<Point[] | null>(null);
  const pixels = () => diameter * Math.max(canvas.current?.width ?? 0, canvas.current?.height ?? 0);
  const draw = (event: PointerEvent) => {
    const element = canvas.current;
    if (element === null || points.current === null) return;
    const moved = [...(event.getCoalescedEvents?.() ?? []), event].map((moment) => at(element, moment));
    drawLine(contextOf(element), kind, pixels(), [...points.current.slice(-1), ...moved]);
    points.current.push(...moved);
  };
  const end = () => {
    if (points.current !== null && points.current.length > 0) {
      history.value = withStep(history.value, { kind, diameter: pixels(), points: points.current });
    }
    points.current = null;
  };
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={texts.pictures.mask.canvas}
      onPointerDown={(event) => {
        if (event.button !== 0 || canvas.current === null) return;
        canvas.current.setPointerCapture(event.pointerId);
        points.current = [at(canvas.current, event)];
        const [point] = points.current;
        if (point !== undefined) drawLine(contextOf(canvas.current), kind, pixels(), [point, point]);
      }}
      onPointerMove={draw}
      onPointerUp={end}
      onPointerCancel={end}
    />
  );
}

function at(element: HTMLCanvasElement, pointer: PointerEvent): Point {
  return pointIn(element.getBoundingClientRect(), pointer, element.width, element.height);
}
