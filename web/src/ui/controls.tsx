/** Small controls that several parts of the page share. */
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { spelled } from "../core/keys";
import { Icon, type IconName } from "./Icon";

export const IS_MAC = navigator.platform.startsWith("Mac");

/** A combination in words, for `title`. */
export const hint = (label: string, keys?: string) =>
  keys === undefined ? label : `${label} (${spelled(keys, IS_MAC).join("+")})`;

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  /** The key that does the same. */
  readonly keys?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly className?: string;
  readonly text?: string;
  onClick(): void;
}

/** A button with an icon; its label is its tooltip and its name. */
export function IconButton({ icon, label, keys, pressed, disabled, className = "", text, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      className={`button ${text === undefined ? "icon-only" : ""} ${className}`}
      aria-label={text === undefined ? label : undefined}
      title={hint(label, keys)}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
      {text !== undefined && <span className="button-text">{text}</span>}
    </button>
  );
}

interface DialogProps {
  readonly title: string;
  readonly className?: string;
  readonly children: ReactNode;
  onClose(): void;
}

/** A modal dialog; Escape and the cross close it. */
export function Dialog({ title, className = "", children, onClose }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} className={`dialog ${className}`} aria-labelledby={heading} onClose={onClose}>
      <div className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </div>
      {children}
    </dialog>
  );
}

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** For items of which one or several are on. */
  readonly checked?: boolean;
  run(): void;
}

interface MenuProps {
  readonly label: string;
  readonly icon?: IconName;
  readonly items: readonly MenuItem[];
  readonly className?: string;
}

/** A button that opens a menu; arrows move, Escape and a press elsewhere close. */
export function Menu({ label, icon = "more", items, className = "" }: MenuProps) {
  const [place, setPlace] = useState<React.CSSProperties | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const open = place !== null;

  const close = (refocus: boolean) => {
    setPlace(null);
    if (refocus) button.current?.focus();
  };
  const toggle = () => {
    const box = button.current?.getBoundingClientRect();
    if (open || box === undefined) return close(true);
    const right = Math.max(8, innerWidth - box.right);
    const below = innerHeight - box.bottom > items.length * 34 + 24;
    setPlace(below ? { top: box.bottom + 4, right } : { bottom: innerHeight - box.top + 4, right });
  };

  useEffect(() => {
    if (!open) return;
    list.current?.showPopover();
    list.current?.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
    const outside = (event: Event) => {
      const target = event.target as Node;
      if (!list.current?.contains(target) && !button.current?.contains(target)) setPlace(null);
    };
    const leave = () => setPlace(null);
    addEventListener("pointerdown", outside, true);
    addEventListener("resize", leave);
    return () => {
      removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", leave);
    };
  }, [open]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const enabled = [...(list.current?.querySelectorAll<HTMLElement>("button:not(:disabled)") ?? [])];
    const at = enabled.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: enabled.length - 1 }[event.key];
    if (to !== undefined) enabled[(to + enabled.length) % enabled.length]?.focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <button
        type="button"
        ref={button}
        className={`button icon-only ${className}`}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={toggle}
      >
        <Icon name={icon} />
      </button>
      {open && (
        <div
          ref={list}
          // In the browser's top layer: no panel that it belongs to cuts it off.
          popover="manual"
          role="menu"
          aria-label={label}
          className="menu"
          style={place}
          tabIndex={-1}
          onKeyDown={onKeyDown}
        >
          {items.map((item) => (
            <MenuRow
              key={item.label}
              item={item}
              onRun={() => {
                close(true);
                item.run();
              }}
            />
          ))}
        </div>
      )}
    </>
  );
}

function MenuRow({ item, onRun }: { readonly item: MenuItem; onRun(): void }) {
  const { label, icon, checked, danger, disabled } = item;
  const className = `menu-item ${danger ? "danger" : ""}`;
  if (checked !== undefined) {
    return (
      <button
        type="button"
        role="menuitemcheckbox"
        aria-checked={checked}
        className={className}
        disabled={disabled}
        tabIndex={-1}
        onClick={onRun}
      >
        <span className="menu-check">{checked && <Icon name="check" size={16} />}</span>
        {label}
      </button>
    );
  }
  return (
    <button type="button" role="menuitem" className={className} disabled={disabled} tabIndex={-1} onClick={onRun}>
      {icon !== undefined && <Icon name={icon} size={16} />}
      {label}
    </button>
  );
}

interface SegmentsProps<T extends string | number> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string; readonly icon?: IconName }[];
  onChange(value: T): void;
}

/** A choice of a few, side by side. */
export function Segments<T extends string | number>({ label, value, options, onChange }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset className="segments">
      <legend className="unseen">{label}</legend>
      {options.map((option) => (
        <label key={option.value} className="segment">
          <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
          <span className="segment-face">
            {option.icon !== undefined && <Icon name={option.icon} size={16} />}
            {option.label}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
