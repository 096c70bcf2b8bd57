/** Icons on a 20 x 20 grid, drawn with lines; those in FILLED are areas. */
const PATHS = {
  add: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  back: "M12.5 4.5 7 10l5.5 5.5",
  box: "M5.5 7.2v7.3h7.3M14.5 12.8V5.5H7.2M3.8 3.8h3.4v3.4H3.8zM12.8 12.8h3.4v3.4h-3.4z",
  brush:
    "M16.5 3.5c-3 1-6 4-7.5 6.5l1.5 1.5c2.5-1.5 5.5-4.5 6-8ZM8 11.500c-2 0-3 1-3 2.5 0 1-.5 2-2 2.5 3 .8 6.5 0 6.5-3",
  camera: "M3 6.500h3.300L7.500 4.500h5L13.700 6.500H17v9H3zM10 13.500a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.400Z",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  click: "m6 4 10 5.2-4.3 1.500L9.8 15 6 4ZM12 12.500l3.5 3.5",
  close: "m5 5 10 10M15 5 5 15",
  doubt:
    "M7.5 7.500a2.5 2.5 0 1 1 3.7 2.200c-.8.5-1.2 1-1.2 2M10 14.300v.2M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15Z",
  copy: "M7.5 7.500h9v9h-9zM4.500 12.500h-1v-9h9v1",
  down: "m5 8 5 5 5-5",
  up: "m5 12 5-5 5 5",
  download: "M10 3.500v9M6 9l4 4 4-4M4 16.500h12",
  eraser:
    "m8 15.5-4-4a1.4 1.4 0 0 1 0-2L10 3.500a1.4 1.4 0 0 1 2 0l4.5 4.500a1.4 1.4 0 0 1 0 2L11 15.500H8ZM7 6.500l6.5 6.500M16.5 15.500H11",
  eye: "M2.5 10S5.2 5 10 5s7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5ZM10 12.200a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.400Z",
  eyeOff:
    "M8 5.300A7 7 0 0 1 10 5c4.8 0 7.5 5 7.5 5a13 13 0 0 1-2 2.600M12.5 14.500A7 7 0 0 1 10 15c-4.8 0-7.5-5-7.5-5a13 13 0 0 1 2.6-3.100M3.5 3.500l13 13",
  fit: "M3.5 7.500v-4h4M12.5 3.500h4v4M16.5 12.500v4h-4M7.5 16.500h-4v-4",
  folder: "M3 6a1 1 0 0 1 1-1h3.500l1.8 2H16a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6Z",
  forward: "M3 5.500v9l6-4.5-6-4.500ZM10.5 5.500v9l6-4.5-6-4.500Z",
  backward: "M17 5.500v9l-6-4.5 6-4.500ZM9.5 5.500v9l-6-4.5 6-4.500Z",
  both: "M8.5 5.500v9L3 10l5.5-4.500ZM11.5 5.500v9L17 10l-5.5-4.500Z",
  first: "M5 5v10M15 5.500v9L8 10l7-4.500Z",
  last: "M15 5v10M5 5.500v9l7-4.5-7-4.500Z",
  hand: "M7 10V5.200a1.2 1.2 0 0 1 2.4 0V9M9.4 9V4.200a1.2 1.2 0 0 1 2.4 0V9M11.8 9V5.200a1.2 1.2 0 0 1 2.4 0v5.300c0 3.5-1.5 6-4.5 6-2.5 0-3.5-1.5-5.5-5a1.2 1.2 0 0 1 2-1.300L7 11",
  help: "M7.8 7.800a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .9-1 1.700M10 14v.2M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15Z",
  image: "M3.5 4.500h13v11h-13zM3.5 13l3.5-3.5 3 3 2.5-2.5 4 4M12.8 7.600v.1",
  import: "M3.5 12v4.500h13V12M10 3.500v9M6.500 9 10 12.500 13.500 9M3.5 3.500h3M13.5 3.500h3",
  lasso:
    "M8 13.500c-3 0-5-1.8-5-4.200C3 6.3 6 4 10 4s7 2 7 4.8-2.5 4.7-5.5 4.700c-2 0-2.8-.8-2.8-1.900S9.8 10 10.5 11s0 4-3 5.5",
  lock: "M5.5 9h9v7.500h-9zM7 9V6.500a3 3 0 0 1 6 0V9",
  unlock: "M5.5 9h9v7.500h-9zM7 9V6.500a3 3 0 0 1 5.8-1",
  layers: "M10 3.5 3 7.3l7 3.8 7-3.8-7-3.8ZM3.5 10.7 10 14.2l6.5-3.5M3.5 13.7l6.5 3.5 6.5-3.5",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  moon: "M16.5 11.500A7 7 0 0 1 8.5 3.500a7 7 0 1 0 8 8Z",
  auto: "M10 3.500v13a6.5 6.5 0 0 0 0-13ZM10 16.500a6.5 6.5 0 1 1 0-13M10 7l4.5 0M10 10h6M10 13h4.5",
  pause: "M7 5v10M13 5v10",
  play: "M6 4.500v11l9.5-5.500L6 4.500Z",
  rangeIn: "M12 4.500H8v11h4M8 10h7",
  rangeOut: "M8 4.500h4v11H8M12 10H5",
  redo: "M15.5 8H8a4 4 0 0 0 0 8h3M12.5 5l3 3-3 3",
  undo: "M4.5 8H12a4 4 0 0 1 0 8H9M7.5 5l-3 3 3 3",
  stepBack: "M12.5 5v10L6 10l6.5-5Z",
  stepForward: "M7.5 5v10l6.5-5-6.5-5Z",
  screen: "M3 4.500h14v9.500H3zM7.500 17h5M10 14v3",
  stop: "M5.5 5.500h9v9h-9z",
  sun: "M10 13.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2.500v1.500M10 16v1.500M2.5 10H4M16 10h1.500M4.7 4.700l1 1M14.3 14.300l1 1M15.3 4.700l-1 1M5.7 14.300l-1 1",
  trash: "M4 6h12M8 6V4.500h4V6M5.5 6l.7 10.500h7.600L14.5 6M8.5 9v4.500M11.5 9v4.5",
  upload: "M10 13V4M6 7.500l4-4 4 4M4 16.500h12",
  video: "M3 5.500h10v9H3zM13 9l4-2.500v7L13 11",
} as const;

export type IconName = keyof typeof PATHS;

const FILLED: ReadonlySet<IconName> = new Set<IconName>([
  "backward",
  "both",
  "forward",
  "first",
  "last",
  "play",
  "stepBack",
  "stepForward",
  "stop",
]);

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 20 20"
      width={size}
      height={size}
      aria-hidden="true"
      fill={FILLED.has(name) ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth={name === "more" ? 2.6 : name === "pause" ? 2.4 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo({ size = 22 }: { readonly size?: number }) {
  const shape = "M4 21c0-8 5-14 11-14 5 0 5.5 3.5 8.5 5s5 2.5 5 7-5 7-11 7h-6c-5 0-7.5-1.2-7.5-5Z";
  return (
    <svg className="logo" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <path d={shape} fill="var(--accent)" opacity="0.35" />
      <path d={shape} fill="none" stroke="var(--accent)" strokeWidth="2.2" strokeDasharray="4.5 3" />
    </svg>
  );
}
