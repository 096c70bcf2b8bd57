/** Frames of a camera or screen as pictures of one size, and as JPEGs. */
import type { Size } from "./view";

export interface Grabbed {
  readonly picture: ImageBitmap;
  readonly jpeg: Blob;
}

/** Where a live source has its frames from. */
export interface Grabber {
  readonly size: Size;
  /** The newest frame; waits for one where the last that was grabbed still is. */
  grab(): Promise<Grabbed>;
  /** Called when there will be no more frames. */
  onEnded: () => void;
  close(): void;
}

const LONGEST_SIDE = 1280;
const JPEG_QUALITY = 0.9;

export class StreamGrabber implements Grabber {
  onEnded: () => void = () => {};
  readonly size: Size;
  readonly #stream: MediaStream;
  readonly #video: HTMLVideoElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;

  private constructor(stream: MediaStream, video: HTMLVideoElement) {
    this.#stream = stream;
    this.#video = video;
    this.size = reduced({ width: video.videoWidth, height: video.videoHeight });
    this.#canvas = document.createElement("canvas");
    this.#canvas.width = this.size.width;
    this.#canvas.height = this.size.height;
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("this browser can't draw on a canvas");
    this.#context = context;
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.onEnded());
  }

  /** Begin to play a stream; rejects where it gives no picture. */
  static async open(stream: MediaStream): Promise<StreamGrabber> {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    return new StreamGrabber(stream, video);
  }

  async grab(): Promise<Grabbed> {
    await new Promise((resolve) => this.#video.requestVideoFrameCallback(resolve));
    this.#draw();
    const [picture, jpeg] = await Promise.all([
      createImageBitmap(this.#canvas),
      new Promise<Blob | null>((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY)),
    ]);
    if (jpeg === null) throw new Error("this browser can't write JPEG");
    return { picture, jpeg };
  }

  close(): void {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#video.srcObject = null;
  }

  /** A window that is shared may change its size, a phone be turned: the picture then lies within the first size. */
  #draw(): void {
    const { width, height } = this.size;
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(width / videoWidth, height / videoHeight);
    const [w, h] = [videoWidth * scale, videoHeight * scale];
    this.#context.fillRect(0, 0, width, height);
    this.#context.drawImage(this.#video, (width - w) / 2, (height - h) / 2, w, h);
  }
}

/** Within the longest side, with even sides. */
export function reduced({ width, height }: Size): Size {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const even = (side: number) => Math.max(16, 2 * Math.round((side * scale) / 2));
  return { width: even(width), height: even(height) };
}
