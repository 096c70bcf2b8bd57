/** The stage: pointers, wheel and keyboard pointer become view changes and gestures; picture and overlay are drawn. */
import type { Settings } from "./editor-state";
import { Layer } from "./layer";
import { drawOverlay, isBlank, type OverlayScene } from "./overlay";
import type { EffectLook, MaskLook } from "./painter";
import type { FramePrompts } from "./prompting";
import { Store } from "./state";
import { type Gesture, Pen } from "./tools";
import { centred, fitted, isInside, type Point, panned, type Size, toPicture, type View, zoomed } from "./view";

/** A press that moves farther than this is no click. */
const SLOP = { mouse: 4, pen: 6, touch: 10 };
const WHEEL_ZOOM = 0.0015;
/** Larger frames are loaded at this height until more of them can be seen. */
const REDUCED_HEIGHT = 1080;
const DRAWING_TOOLS = ["box", "lasso", "brush", "eraser"];

/** What a stage shows, and who takes the gestures on it. */
export interface StageScene {
  /** Of the full-size frame. */
  readonly media: Size;
  readonly settings: Store<Settings>;
  /** Changes when something has to be drawn again. */
  readonly drawn: Store<number>;
  /** Number of the frame that was shown last. */
  readonly shown: number;
  /** CSS colour of the object in hand. */
  readonly colour: string;
  /** Takes the pictures to show; set by the stage. */
  onPicture: (picture: ImageBitmap) => void;
  /** Begin to give pictures. */
  start(): void;
  /** Give the picture once more: the stage has lost it. */
  showAgain(): void;
  /** Pictures of this height will do; null: full size. */
  setHeight(height: number | null): void;
  looks(): readonly MaskLook[];
  /** Effects on the shown frame, where there may be any. */
  effectLooks?(): readonly EffectLook[];
  /** Of the object in hand on the shown frame. */
  prompts(): FramePrompts;
  hoverAt(point: Point | null): void;
  apply(gesture: Gesture): Promise<void>;
}

type Mode = "none" | "press" | "pan" | "draw" | "pinch";

export class Stage {
  readonly view = new Store<View>({ scale: 1, x: 0, y: 0 });
  /** Where the pointer is, in pixels of the frame. */
  readonly pointer = new Store<Point | null>(null);
  /** The keyboard's pointer; null while it is off. */
  readonly crosshair = new Store<Point | null>(null);
  readonly #scene: StageScene;
  readonly #overlay: HTMLCanvasElement;
  readonly #layer: Layer;
  readonly #pen: Pen;
  readonly #observer: ResizeObserver;
  readonly #cleanup: (() => void)[] = [];
  readonly #pointers = new Map<number, Point>();
  #size: Size = { width: 0, height: 0 };
  #density = 1;
  #fitted = true;
  #mode: Mode = "none";
  #pressed: { at: Point; negative: boolean } | null = null;
  #handle = 0;
  #isBlank = true;

  constructor(scene: StageScene, root: HTMLElement, canvas: HTMLCanvasElement, overlay: HTMLCanvasElement) {
    this.#scene = scene;
    this.#overlay = overlay;
    this.#pen = new Pen(scene.media);
    this.#layer = new Layer(
      canvas,
      scene.media,
      () => scene.looks(),
      () => scene.effectLooks?.() ?? [],
      () => scene.showAgain(),
    );
    scene.onPicture = (picture) => {
      this.#layer.setPicture(picture);
      root.dataset.frame = String(scene.shown);
    };
    this.#cleanup.push(scene.drawn.subscribe(this.#changed), this.crosshair.subscribe(this.#overlayChanged));
    this.#observer = new ResizeObserver(() => this.#resize(root));
    this.#observer.observe(root);
    this.#listen("pointerdown", this.#down);
    this.#listen("pointermove", this.#move);
    this.#listen("pointerup", this.#up);
    this.#listen("pointercancel", this.#cancelled);
    this.#listen("pointerleave", () => this.#leave());
    this.#listen("wheel", this.#wheel, { passive: false });
    this.#listen("contextmenu", (event) => event.preventDefault());
    scene.start();
  }

  get kind(): "webgl2" | "2d" {
    return this.#layer.kind;
  }

  dispose(): void {
    this.#observer.disconnect();
    for (const undo of this.#cleanup) undo();
    cancelAnimationFrame(this.#handle);
    this.#layer.dispose();
    this.#scene.onPicture = () => {};
  }

  // The view

  readonly fit = (): void => {
    this.#fitted = true;
    this.#setView(fitted(this.#scene.media, this.#size, this.#size.width < 500 ? 0 : 16));
  };

  /** One pixel of the frame on one CSS pixel. */
  readonly fullSize = (): void => {
    this.#fitted = false;
    this.#setView(centred(this.#scene.media, this.#size, 1));
  };

  /** Zoom around the keyboard's pointer, or the middle. */
  zoomBy(factor: number): void {
    const { view } = this;
    const cross = this.crosshair.get();
    const at =
      cross === null
        ? { x: this.#size.width / 2, y: this.#size.height / 2 }
        : { x: cross.x * view.get().scale + view.get().x, y: cross.y * view.get().scale + view.get().y };
    this.#zoomAt(at, factor);
  }

  #zoomAt(at: Point, factor: number): void {
    this.#fitted = false;
    this.#setView(zoomed(this.view.get(), this.#scene.media, this.#size, at, factor));
  }

  #panBy(by: Point): void {
    this.#fitted = false;
    this.#setView(panned(this.view.get(), this.#scene.media, this.#size, by));
  }

  #setView(view: View): void {
    this.view.set(view);
    this.#layer.setView(view);
    const { height } = this.#scene.media;
    const seen = height * view.scale * this.#density;
    this.#scene.setHeight(height > REDUCED_HEIGHT && seen <= REDUCED_HEIGHT ? REDUCED_HEIGHT : null);
    this.#changed();
  }

  #resize(root: HTMLElement): void {
    const size = { width: root.clientWidth, height: root.clientHeight };
    if (size.width === 0 || size.height === 0) return;
    this.#size = size;
    this.#density = Math.min(3, devicePixelRatio);
    this.#overlay.width = Math.round(size.width * this.#density);
    this.#overlay.height = Math.round(size.height * this.#density);
    if (this.#fitted) this.fit();
    this.#layer.resize(size, this.#density);
    this.#drawOverlay();
  }

  // The keyboard's pointer

  readonly toggleCrosshair = (): void => {
    const { width, height } = this.#scene.media;
    this.#pen.cancel();
    this.crosshair.set(this.crosshair.get() === null ? { x: width / 2, y: height / 2 } : null);
    this.#scene.hoverAt(this.crosshair.get());
  };

  /** Move the keyboard's pointer by screen pixels; a lowered pen draws. */
  moveCrosshair(dx: number, dy: number): void {
    const from = this.crosshair.get();
    if (from === null) return;
    const { width, height } = this.#scene.media;
    const { scale } = this.view.get();
    const at = {
      x: Math.min(width - 0.5, Math.max(0.5, from.x + dx / scale)),
      y: Math.min(height - 0.5, Math.max(0.5, from.y + dy / scale)),
    };
    this.#pen.move(at);
    this.crosshair.set(at);
    this.pointer.set(at);
    if (this.#pen.trace === null) this.#scene.hoverAt(at);
  }

  /** Click with the keyboard's pointer; with box, lasso, brush and eraser: lower the pen, then lift it. */
  pressCrosshair(negative: boolean): void {
    const at = this.crosshair.get();
    const { tool } = this.#scene.settings.get();
    if (at === null || tool === "hand") return;
    if (DRAWING_TOOLS.includes(tool) && this.#pen.trace === null) this.#lower(at, negative);
    else {
      if (this.#pen.trace === null) this.#lower(at, negative);
      this.#lift();
    }
  }

  /** Give up the movement under way; false where there was none. */
  cancel(): boolean {
    const busy = this.#pen.trace !== null;
    this.#pen.cancel();
    this.#mode = "none";
    this.#overlayChanged();
    return busy;
  }

  // Pointers

  #listen<K extends keyof HTMLElementEventMap>(
    type: K,
    handler: (event: HTMLElementEventMap[K]) => void,
    options?: AddEventListenerOptions,
  ): void {
    this.#overlay.addEventListener(type, handler, options);
    this.#cleanup.push(() => this.#overlay.removeEventListener(type, handler, options));
  }

  #at(event: MouseEvent): Point {
    const box = this.#overlay.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  readonly #down = (event: PointerEvent): void => {
    if (event.button > 2) return;
    const at = this.#at(event);
    this.#overlay.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, at);
    const { tool } = this.#scene.settings.get();
    const negative = event.button === 2 || event.altKey;
    // What a click would give stays shown where that is what is pressed.
    const isClick = tool === "click" && event.button !== 1 && !negative;
    if (!isClick || this.#pointers.size > 1) this.#scene.hoverAt(null);
    if (this.#pointers.size === 2) {
      this.#pen.cancel();
      this.#mode = "pinch";
      return;
    }
    if (this.#pointers.size > 2) return;
    if (event.button === 1 || tool === "hand") this.#mode = "pan";
    else if (tool === "click") {
      this.#mode = "press";
      this.#pressed = { at, negative };
    } else {
      this.#mode = "draw";
      this.#lower(toPicture(this.view.get(), at), negative);
    }
  };

  readonly #move = (event: PointerEvent): void => {
    const at = this.#at(event);
    const last = this.#pointers.get(event.pointerId);
    const inPicture = toPicture(this.view.get(), at);
    this.pointer.set(isInside(this.#scene.media, inPicture) ? inPicture : null);
    if (last === undefined) {
      if (event.pointerType !== "touch") this.#scene.hoverAt(this.pointer.get());
      this.#overlayChanged();
      return;
    }
    if (this.#mode === "pinch") this.#pinch(event.pointerId, at);
    else if (this.#mode === "draw") {
      const moves = event.getCoalescedEvents();
      for (const move of moves.length > 0 ? moves : [event]) this.#pen.move(toPicture(this.view.get(), this.#at(move)));
      this.#overlayChanged();
    } else if (this.#mode === "pan") this.#panBy({ x: at.x - last.x, y: at.y - last.y });
    else if (this.#mode === "press" && this.#pressed !== null) {
      const { at: from } = this.#pressed;
      const slop = SLOP[event.pointerType as keyof typeof SLOP] ?? SLOP.mouse;
      if (Math.hypot(at.x - from.x, at.y - from.y) > slop) {
        // With the click tool, a drag moves the picture.
        this.#mode = "pan";
        this.#scene.hoverAt(null);
        this.#panBy({ x: at.x - from.x, y: at.y - from.y });
      }
    }
    this.#pointers.set(event.pointerId, at);
  };

  readonly #up = (event: PointerEvent): void => {
    if (!this.#pointers.delete(event.pointerId)) return;
    const mode = this.#mode;
    // After a pinch, the finger that stays must not draw.
    this.#mode = mode === "pinch" && this.#pointers.size > 0 ? "pinch" : "none";
    if (mode === "draw") this.#lift();
    if (mode === "press" && this.#pressed !== null) {
      this.#lower(toPicture(this.view.get(), this.#pressed.at), this.#pressed.negative);
      this.#lift();
    }
    this.#pressed = null;
  };

  readonly #cancelled = (event: PointerEvent): void => {
    this.#pointers.delete(event.pointerId);
    this.cancel();
  };

  #leave(): void {
    if (this.#pointers.size > 0) return;
    this.pointer.set(null);
    this.#scene.hoverAt(null);
    this.#overlayChanged();
  }

  #pinch(pointer: number, at: Point): void {
    const [otherId, other] = [...this.#pointers].find(([id]) => id !== pointer) ?? [];
    const last = this.#pointers.get(pointer);
    if (otherId === undefined || other === undefined || last === undefined) return;
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(at.x - other.x, at.y - other.y);
    this.#panBy({ x: (at.x - last.x) / 2, y: (at.y - last.y) / 2 });
    if (before > 0) this.#zoomAt({ x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 }, after / before);
  }

  readonly #wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey) this.#panBy({ x: -(event.deltaX + event.deltaY) * lines, y: 0 });
    // A pinch on a trackpad comes as a wheel with Control, in small steps.
    else this.#zoomAt(this.#at(event), Math.exp(-event.deltaY * lines * WHEEL_ZOOM * (event.ctrlKey ? 6 : 1)));
  };

  #lower(at: Point, negative: boolean): void {
    const { tool, value, radius } = this.#scene.settings.get();
    if (tool === "hand") return;
    this.#pen.down(at, { tool, radius, value: negative ? (value === 1 ? 0 : 1) : value });
    this.#overlayChanged();
  }

  #lift(): void {
    const gesture = this.#pen.up();
    this.#overlayChanged();
    if (gesture !== null) void this.#scene.apply(gesture);
  }

  // Drawing

  readonly #changed = (): void => {
    this.#layer.invalidate();
    this.#overlayChanged();
  };

  readonly #overlayChanged = (): void => {
    if (this.#handle === 0) this.#handle = requestAnimationFrame(() => this.#drawOverlay());
  };

  #drawOverlay(): void {
    cancelAnimationFrame(this.#handle);
    this.#handle = 0;
    const context = this.#overlay.getContext("2d");
    if (context === null) return;
    const scene = this.#scene;
    const { tool, radius } = scene.settings.get();
    const { known, pending } = scene.prompts();
    const place = this.crosshair.get() ?? this.pointer.get();
    const isBrush = tool === "brush" || tool === "eraser";
    const overlay: OverlayScene = {
      view: this.view.get(),
      stage: this.#size,
      density: this.#density,
      colour: scene.colour,
      prompt: known,
      pending,
      trace: this.#pen.trace,
      ring: isBrush && place !== null ? { ...place, radius } : null,
      crosshair: this.crosshair.get(),
    };
    // A canvas that is painted on has to be composed again: a blank one is left alone.
    if (isBlank(overlay) && this.#isBlank) return;
    this.#isBlank = isBlank(overlay);
    drawOverlay(context, overlay);
  }
}
