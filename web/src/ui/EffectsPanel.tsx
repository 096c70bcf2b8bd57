import { useEffect, useId, useRef, useState } from "react";
import { copyPicture, pictureAddress } from "../core/clipboard";
import { type Effect, type Field, KINDS, type Kind, type Target } from "../core/effects";
import { IconButton, Menu } from "./controls";
import { useSelect, useStore, useWorkbench } from "./hooks";
import { Icon } from "./Icon";

/** The effects in their order: add, choose a target, set, move, remove; shown on the stage as they are. */
export function EffectsPanel() {
  const { editor } = useWorkbench();
  const { effects: desk } = editor;
  const list = useStore(desk.list);
  const shown = useSelect(editor.settings, (settings) => settings.effects);
  const hasObjects = useSelect(editor.state, (state) => state.objects.length > 0);
  const [open, setOpen] = useState<number | null>(null);
  if (!hasObjects && list.length === 0) return null;

  const add = (kind: Kind) => {
    desk.add(kind);
    setOpen(desk.list.get().length - 1);
  };
  const move = (index: number, by: -1 | 1) => {
    desk.move(index, by);
    setOpen(open === index ? index + by : open === index + by ? index : open);
  };
  return (
    <section className="effects" aria-label="Effects">
      <div className="panel-head">
        <h2>Effects</h2>
        {list.length > 0 && <span className="count">{list.length}</span>}
        <span className="spacer" />
        {list.length > 0 && (
          <IconButton
            icon={shown ? "eye" : "eyeOff"}
            label="Effects"
            keys="f"
            pressed={shown}
            onClick={() => editor.settings.patch({ effects: !shown })}
          />
        )}
        <CopyMenu />
        <Menu
          label="Add an effect"
          icon="add"
          items={Object.entries(KINDS).map(([kind, { name }]) => ({ label: name, run: () => add(kind as Kind) }))}
        />
      </div>
      {list.length > 0 && (
        <ol className="effect-list">
          {list.map((effect, index) => (
            <EffectRow
              // biome-ignore lint/suspicious/noArrayIndexKey: an effect has no name; a row is about a place in the list
              key={`${index} ${effect.kind}`}
              effect={effect}
              index={index}
              last={index === list.length - 1}
              open={open === index}
              onOpen={() => setOpen(open === index ? null : index)}
              onMove={(by) => move(index, by)}
              onRemove={() => {
                desk.remove(index);
                setOpen(null);
              }}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

function CopyMenu() {
  const { editor } = useWorkbench();
  const { effects: desk, media, notices } = editor;
  const copy = async (what: "effects" | "cut-out") => {
    try {
      const name = `${media.name.replace(/\.[^.]*$/, "")}-${editor.shown}-${what}.png`;
      const done = await copyPicture(desk.picture(what), name);
      notices.add("info", done === "copied" ? "The picture is on the clipboard" : `Saved as ${name}`);
    } catch (error) {
      notices.error(error);
    }
  };
  return (
    <Menu
      label="Copy this frame"
      icon="copy"
      items={[
        { label: "Copy cut-out", run: () => void copy("cut-out") },
        { label: "Copy with effects", disabled: desk.present().length === 0, run: () => void copy("effects") },
      ]}
    />
  );
}

interface EffectRowProps {
  readonly effect: Effect;
  readonly index: number;
  readonly last: boolean;
  readonly open: boolean;
  onOpen(): void;
  onMove(by: -1 | 1): void;
  onRemove(): void;
}

function EffectRow({ effect, index, last, open, onOpen, onMove, onRemove }: EffectRowProps) {
  const { editor } = useWorkbench();
  const { name, preview, fields } = KINDS[effect.kind];
  const body = useId();
  const target = useTargetName(effect.target);
  const title = `${name}, ${target}`;
  return (
    <li className={`effect ${open ? "selected" : ""}`}>
      <div className="effect-head">
        <button type="button" className="object-name" aria-expanded={open} aria-controls={body} onClick={onOpen}>
          {name} <span className="effect-target">{target}</span>
        </button>
        <IconButton icon="up" label={`Draw ${title} earlier`} disabled={index === 0} onClick={() => onMove(-1)} />
        <IconButton icon="down" label={`Draw ${title} later`} disabled={last} onClick={() => onMove(1)} />
        <IconButton icon="trash" label={`Remove ${title}`} onClick={onRemove} />
      </div>
      <div id={body} className="effect-body" hidden={!open}>
        {open && (
          <>
            <TargetField effect={effect} onChange={(next) => editor.effects.set(index, { target: next })} />
            {Object.entries(fields).map(([key, field]) => (
              <EffectField
                key={key}
                field={field}
                value={(effect as unknown as Record<string, unknown>)[key]}
                onChange={(value) => editor.effects.set(index, { [key]: value })}
                onDrag={(value) => editor.effects.drag(index, key, value)}
                onSettle={() => editor.effects.settle()}
              />
            ))}
            {preview !== undefined && <p className="effect-note">{preview}</p>}
          </>
        )}
      </div>
    </li>
  );
}

function useTargetName(target: Target): string {
  const { editor } = useWorkbench();
  const objects = useSelect(editor.state, (state) => state.objects);
  if (target === "background") return "background";
  if (target === "objects") return "all objects";
  return objects.find((object) => object.id === target)?.name ?? "deleted object";
}

function TargetField({ effect, onChange }: { readonly effect: Effect; onChange(target: Target): void }) {
  const { editor } = useWorkbench();
  const objects = useSelect(editor.state, (state) => state.objects);
  const gone = typeof effect.target === "number" && !objects.some((object) => object.id === effect.target);
  return (
    <label className="effect-field">
      <span>On</span>
      <select
        value={String(effect.target)}
        onChange={({ target: { value } }) =>
          onChange(value === "objects" || value === "background" ? value : Number(value))
        }
      >
        {effect.kind !== "follow" && <option value="background">Background</option>}
        <option value="objects">All objects</option>
        {objects.map((object) => (
          <option key={object.id} value={object.id}>
            {object.name}
          </option>
        ))}
        {gone && <option value={String(effect.target)}>Deleted object</option>}
      </select>
    </label>
  );
}

interface EffectFieldProps {
  readonly field: Field;
  readonly value: unknown;
  onChange(value: unknown): void;
  /** A value that goes on changing until `onSettle`. */
  onDrag(value: unknown): void;
  onSettle(): void;
}

function EffectField({ field, value, onChange, onDrag, onSettle }: EffectFieldProps) {
  const draggable = { onDrag, onSettle };
  switch (field.type) {
    case "number":
      return <NumberField field={field} value={Number(value)} {...draggable} />;
    case "colour":
      return <ColourField label={field.label} value={String(value)} {...draggable} />;
    case "words":
      return <WordsField field={field} value={String(value)} {...draggable} />;
    case "choice":
      return (
        <label className="effect-field">
          <span>{field.label}</span>
          <select value={String(value)} onChange={(event) => onChange(event.target.value)}>
            {Object.entries(field.words).map(([word, label]) => (
              <option key={word} value={word}>
                {label}
              </option>
            ))}
          </select>
        </label>
      );
    case "picture":
      return <PictureField label={field.label} value={value as string | null} onChange={onChange} />;
  }
}

interface DraggedProps<T> {
  readonly value: T;
  onDrag(value: T): void;
  onSettle(): void;
}

/** An input whose changes are one step until it is let go: the pointer, a held key, the picker, or the focus. */
function useSettling(onSettle: () => void): React.RefObject<HTMLInputElement | null> {
  const input = useRef<HTMLInputElement>(null);
  const latest = useRef(onSettle);
  latest.current = onSettle;
  useEffect(() => {
    const element = input.current;
    if (element === null) return;
    const letGo = new AbortController();
    let held = false;
    const settle = () => {
      if (!held) latest.current();
    };
    const hold = (isHeld: boolean) => () => {
      held = isHeld && element.type === "range";
      if (!isHeld && element.type === "range") settle();
    };
    // The browser's own "change", which comes after the last "input"; on a slider also for every repeat of a held key.
    element.addEventListener("change", settle, letGo);
    element.addEventListener("keydown", hold(true), letGo);
    element.addEventListener("keyup", hold(false), letGo);
    element.addEventListener("blur", hold(false), letGo);
    return () => letGo.abort();
  }, []);
  return input;
}

type NumberFieldProps = DraggedProps<number> & { readonly field: Extract<Field, { type: "number" }> };

function NumberField({ field, value, onDrag, onSettle }: NumberFieldProps) {
  const input = useSettling(onSettle);
  return (
    <label className="effect-field">
      <span>{field.label}</span>
      <input
        ref={input}
        type="range"
        min={field.low}
        max={field.high}
        step={field.step}
        value={value}
        onChange={(event) => onDrag(Number(event.target.value))}
      />
      <output>{field.percent ? `${Math.round(value * 100)} %` : value}</output>
    </label>
  );
}

function ColourField({ label, value, onDrag, onSettle }: DraggedProps<string> & { readonly label: string }) {
  const input = useSettling(onSettle);
  return (
    <label className="effect-field">
      <span>{label}</span>
      <input ref={input} type="color" value={value} onChange={(event) => onDrag(event.target.value)} />
    </label>
  );
}

type WordsFieldProps = DraggedProps<string> & { readonly field: Extract<Field, { type: "words" }> };

/** Text is taken as it is typed; an empty field waits for more. */
function WordsField({ field, value, onDrag, onSettle }: WordsFieldProps) {
  const input = useSettling(onSettle);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <label className="effect-field">
      <span>{field.label}</span>
      <input
        ref={input}
        type="text"
        value={text}
        maxLength={field.longest}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value.trim() !== "") onDrag(event.target.value);
        }}
      />
    </label>
  );
}

interface PictureFieldProps {
  readonly label: string;
  readonly value: string | null;
  onChange(value: string | null): void;
}

function PictureField({ label, value, onChange }: PictureFieldProps) {
  const { editor } = useWorkbench();
  const input = useId();
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    try {
      onChange(await pictureAddress(file));
    } catch (error) {
      editor.notices.error(error);
    }
  };
  return (
    <div className="effect-field">
      <label htmlFor={input}>{label}</label>
      <input
        id={input}
        type="file"
        accept="image/*"
        onChange={(event) => {
          void take(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      {value !== null && (
        <button type="button" className="button icon-only" aria-label="Without picture" onClick={() => onChange(null)}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
