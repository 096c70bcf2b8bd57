/** Light or dark: as the system says, or as chosen here. */
import { Store } from "../core/state";

export type Theme = "auto" | "light" | "dark";

const MEMORY = "masklet.theme";
const ORDER: readonly Theme[] = ["auto", "light", "dark"];

function remembered(): Theme {
  const value = localStorage.getItem(MEMORY);
  return ORDER.find((theme) => theme === value) ?? "auto";
}

export const theme = new Store<Theme>(remembered());

function apply(): void {
  document.documentElement.dataset.theme = theme.get();
}

theme.subscribe(apply);
apply();

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? "auto";
  localStorage.setItem(MEMORY, next);
  theme.set(next);
}
