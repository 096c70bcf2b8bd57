import type { Lane, ObjectInfo } from "../core/protocol";

const PIXELS_PER_TICK = 72;
/** A number nearer to the end than this would be cut. */
const NUMBER_PIXELS = 34;

/** Frames for the ruler's numbers: whole steps of 1, 2 or 5 times a power of ten, with room for each. */
export function rulerTicks(frames: number, width: number): number[] {
  if (width <= 0) return [];
  const least = (frames * PIXELS_PER_TICK) / width;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= least) ?? power;
  const ticks: number[] = [];
  const last = frames * (1 - NUMBER_PIXELS / width);
  for (let frame = 0; frame === 0 || frame < last; frame += step) ticks.push(frame);
  return ticks;
}

/** A lane in words, for a screen reader. */
export function laneWords(object: ObjectInfo, lane: Lane): string {
  const spans = (presence: string) =>
    lane.runs
      .filter((run) => run[2] === presence)
      .map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
  const parts = [
    ["present in frames", spans("present")],
    ["unsure in frames", spans("unsure")],
    ["absent in frames", spans("absent")],
    ["prompted in frames", lane.prompted.map(String)],
    ["edited in frames", lane.edited.map(String)],
  ] as const;
  const told = parts.filter(([, list]) => list.length > 0).map(([words, list]) => `${words} ${list.join(", ")}`);
  return `${object.name}: ${told.length === 0 ? "no masks yet" : told.join("; ")}`;
}
