import { IconButton } from "./controls";
import { useStore } from "./hooks";
import { nextTheme, theme } from "./theme";

const ICONS = { auto: "auto", light: "sun", dark: "moon" } as const;
const NAMES = { auto: "as the system", light: "light", dark: "dark" };

export function ThemeButton() {
  const chosen = useStore(theme);
  return <IconButton icon={ICONS[chosen]} label={`Theme: ${NAMES[chosen]}`} onClick={nextTheme} />;
}
