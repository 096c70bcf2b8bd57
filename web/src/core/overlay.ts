/** What lies over picture and masks: prompts, the movement under way, the brush's ring, the keyboard's pointer. */
import type { Prompt } from "./protocol";
import type { Trace } from "./tools";
import { type Point, type Size, toScreen, type View } from "./view";

export interface OverlayScene {
  readonly view: View;
  readonly stage: Size;
  readonly density: number;
  /** CSS colour of the object in hand. */
  readonly colour: string;
  readonly prompt: Prompt | null;
  /** Prompts on their way to the server. */
  readonly pending: Prompt | null;
  readonly trace: Trace | null;
  /** Middle and radius of the brush, in pixels of the frame. */
  readonly ring: (Point & { readonly radius: number }) | null;
  readonly crosshair: Point | null;
}

/** Whether there is nothing to draw. */
export function isBlank(scene: OverlayScene): boolean {
  const { prompt, pending, trace, ring, crosshair } = scene;
  return [prompt, pending, trace, ring, crosshair].every((part) => part === null);
}

const POINT_RADIUS = 6;
const INCLUDE = "#2fbf71";
const EXCLUDE = "#f0524f";
const TRANSLUCENT = 0.45;

export function drawOverlay(context: CanvasRenderingContext2D, scene: OverlayScene): void {
  const { density, stage } = scene;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, stage.width, stage.height);
  context.lineJoin = "round";
  context.lineCap = "round";
  if (scene.prompt !== null) drawPrompt(context, scene, scene.prompt, 1);
  if (scene.pending !== null) drawPrompt(context, scene, scene.pending, 0.6);
  if (scene.trace !== null) drawTrace(context, scene, scene.trace);
  if (scene.ring !== null) drawRing(context, scene, scene.ring);
  if (scene.crosshair !== null) drawCrosshair(context, scene, scene.crosshair);
}

/** A line that shows on any picture: dark below, colour above. */
function outlined(context: CanvasRenderingContext2D, colour: string, dash: number[] = [], width = 1.5): void {
  context.setLineDash([]);
  context.strokeStyle = "rgb(0 0 0 / 0.6)";
  context.lineWidth = width + 2;
  context.stroke();
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.setLineDash([]);
}

function drawPrompt(context: CanvasRenderingContext2D, scene: OverlayScene, prompt: Prompt, alpha: number): void {
  context.globalAlpha = alpha;
  if (prompt.box !== null) {
    const [x0, y0, x1, y1] = prompt.box;
    drawBox(context, scene, { x: x0, y: y0 }, { x: x1, y: y1 }, []);
  }
  prompt.points.forEach(([x, y], i) => {
    drawPoint(context, toScreen(scene.view, { x, y }), prompt.labels[i] === 1);
  });
  context.globalAlpha = 1;
}

function drawPoint(context: CanvasRenderingContext2D, at: Point, include: boolean): void {
  context.beginPath();
  context.arc(at.x, at.y, POINT_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = include ? INCLUDE : EXCLUDE;
  context.fill();
  context.strokeStyle = "white";
  context.lineWidth = 1.5;
  context.stroke();
  // The sign, so that the colour is not the only difference.
  context.beginPath();
  context.moveTo(at.x - 2.8, at.y);
  context.lineTo(at.x + 2.8, at.y);
  if (include) {
    context.moveTo(at.x, at.y - 2.8);
    context.lineTo(at.x, at.y + 2.8);
  }
  context.stroke();
}

function drawBox(context: CanvasRenderingContext2D, scene: OverlayScene, a: Point, b: Point, dash: number[]): void {
  const from = toScreen(scene.view, a);
  const to = toScreen(scene.view, b);
  context.beginPath();
  context.rect(from.x, from.y, to.x - from.x, to.y - from.y);
  outlined(context, scene.colour, dash);
}

function drawTrace(context: CanvasRenderingContext2D, scene: OverlayScene, trace: Trace): void {
  const points = trace.points.map((point) => toScreen(scene.view, point));
  const [first, last] = [trace.points[0], trace.points.at(-1)];
  if (first === undefined || last === undefined || trace.tool === "click") return;
  if (trace.tool === "box") {
    drawBox(context, scene, first, last, [5, 4]);
    return;
  }
  context.beginPath();
  points.forEach((point, i) => {
    if (i === 0) context.moveTo(point.x, point.y);
    context.lineTo(point.x, point.y);
  });
  const colour = trace.value === 1 ? scene.colour : EXCLUDE;
  if (trace.tool === "lasso") {
    context.fillStyle = colour;
    context.globalAlpha = TRANSLUCENT / 2;
    context.fill();
    context.globalAlpha = 1;
    outlined(context, colour, [5, 4]);
    return;
  }
  context.globalAlpha = TRANSLUCENT;
  context.strokeStyle = trace.tool === "eraser" ? "black" : colour;
  context.lineWidth = 2 * trace.radius * scene.view.scale;
  context.stroke();
  context.globalAlpha = 1;
}

function drawRing(context: CanvasRenderingContext2D, scene: OverlayScene, ring: Point & { radius: number }): void {
  const at = toScreen(scene.view, ring);
  context.beginPath();
  context.arc(at.x, at.y, Math.max(1.5, ring.radius * scene.view.scale), 0, 2 * Math.PI);
  outlined(context, "white");
}

function drawCrosshair(context: CanvasRenderingContext2D, scene: OverlayScene, point: Point): void {
  const at = toScreen(scene.view, point);
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    context.moveTo(at.x + 4 * dx, at.y + 4 * dy);
    context.lineTo(at.x + 22 * dx, at.y + 22 * dy);
  }
  outlined(context, "white", [], 2.5);
}
