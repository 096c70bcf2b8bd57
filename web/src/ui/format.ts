/** Numbers as people read them. */

export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Seconds as m:ss.cc, or h:mm:ss.cc from an hour on. */
export function formatTime(seconds: number): string {
  const hundredths = Math.floor(seconds * 100 + 1e-6);
  const two = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [
    Math.floor(hundredths / 360_000),
    Math.floor(hundredths / 6000) % 60,
    Math.floor(hundredths / 100) % 60,
  ];
  const start = h > 0 ? `${h}:${two(m)}` : String(m);
  return `${start}:${two(s)}.${two(hundredths % 100)}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
