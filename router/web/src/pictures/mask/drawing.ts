/** Draws masks on a canvas. On the layer, what is to be painted anew is opaque. */
import type { MaskStep, Point } from "./strokes";

/** Shown half transparent over the picture: a colour that few pictures have. */
const MARK = "#e6007e";

export function drawSteps(layer: CanvasRenderingContext2D, steps: readonly MaskStep[]): void {
  clear(layer);
  for (const step of steps) drawStep(layer, step);
}

export function drawStep(layer: CanvasRenderingContext2D, step: MaskStep): void {
  const { width, height } = layer.canvas;
  if (step.kind === "clear") {
    clear(layer);
  } else if (step.kind === "invert") {
    layer.fillStyle = MARK;
    layer.globalCompositeOperation = "source-out"; // only where nothing was
    layer.fillRect(0, 0, width, height);
  } else {
    const [first] = step.points;
    if (first !== undefined)
      drawLine(layer, step.kind, step.diameter, step.points.length > 1 ? step.points : [first, first]);
  }
}

/** A line with round ends; a single point twice is a dot. */
export function drawLine(
  layer: CanvasRenderingContext2D,
  kind: "paint" | "erase",
  diameter: number,
  points: readonly Point[],
): void {
  layer.globalCompositeOperation = kind === "paint" ? "source-over" : "destination-out";
  layer.strokeStyle = MARK;
  layer.lineWidth = diameter;
  layer.lineCap = "round";
  layer.lineJoin = "round";
  layer.beginPath();
  points.forEach(({ x, y }, index) => (index === 0 ? layer.moveTo(x, y) : layer.lineTo(x, y)));
  layer.stroke();
}

/** The mask as the server wants it: white, and transparent where to paint. */
export async function maskFile(layer: HTMLCanvasElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = layer.width;
  canvas.height = layer.height;
  const context = contextOf(canvas);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(layer, 0, 0);
  return pngOf(canvas);
}

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser cannot draw");
  return context;
}

export function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob === null ? reject(new Error("this picture is too large for the browser")) : resolve(blob)),
      "image/png",
    );
  });
}

function clear(layer: CanvasRenderingContext2D): void {
  layer.clearRect(0, 0, layer.canvas.width, layer.canvas.height);
}
