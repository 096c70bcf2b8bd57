/** The keyboard: combinations, what they do, and the table that `?` shows. */

export interface Binding {
  /** As `KeyboardEvent.key`, lower case for letters; modifiers in the order Mod, Alt, Shift: "Mod+Shift+z". */
  readonly keys: readonly string[];
  readonly group: string;
  /** What the table says; null keeps the binding out of it, where another line speaks for it. */
  readonly label: string | null;
  run(): void;
}

/** The combination of an event; Mod is Control, or Command on a Mac. Shift is left out of signs like "?". */
export function combination(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const named = event.key.length > 1 || event.key === " ";
  const letter = !named && event.key.toLowerCase() !== event.key.toUpperCase();
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Mod");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && (named || letter)) parts.push("Shift");
  parts.push(event.key === " " ? "Space" : letter ? event.key.toLowerCase() : event.key);
  return parts.join("+");
}

/** Whether the element takes typed text, so that single keys belong to it. */
function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return !["range", "checkbox", "radio", "button", "color"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Whether the element itself answers to this key. */
function usesKey(target: EventTarget | null, keys: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return /^(Arrow|Home|End|Page)/.test(keys);
  if (target.closest("[role=menu], [role=radiogroup]") !== null)
    return /^(Arrow|Home|End|Enter|Space|Escape)/.test(keys);
  const pressed = keys === "Enter" || keys === "Space";
  return pressed && target.closest("button, a, summary, [role=slider]") !== null;
}

/** Run the binding of an event; true where there was one. Dialogs, text fields and buttons keep their own keys. */
export function dispatchKey(bindings: readonly Binding[], event: KeyboardEvent): boolean {
  const keys = combination(event);
  if (event.defaultPrevented || document.querySelector("dialog[open]") !== null) return false;
  if (takesText(event.target) || usesKey(event.target, keys)) return false;
  const binding = bindings.find((candidate) => candidate.keys.includes(keys));
  if (binding === undefined) return false;
  event.preventDefault();
  binding.run();
  return true;
}

/** "Mod+Shift+z" as people read it. */
export function spelled(keys: string, mac: boolean): string[] {
  const names: Record<string, string> = {
    Mod: mac ? "⌘" : "Ctrl",
    Alt: mac ? "⌥" : "Alt",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    Delete: "Del",
  };
  const parts = keys === "+" ? ["+"] : keys.split("+");
  return parts.map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part));
}
