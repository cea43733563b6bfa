// Small parts that several places use.

import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { spoken } from "./state";

const PATHS = {
  box: "M4 5h16v14H4z",
  polygon: "M12 3l8 6-3 11H7L4 9z",
  point: "M12 21s-7-6.2-7-11a7 7 0 0 1 14 0c0 4.8-7 11-7 11zM12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  view: "M3 8V4h4M17 4h4v4M21 16v4h-4M7 20H3v-4",
  upload: "M12 16V4M7 9l5-5 5 5M4 20h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  home: "M4 11l8-7 8 7v9h-5v-6h-6v6H4z",
  back: "M15 5l-7 7 7 7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.5l4.5 4.5L19 7.5",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L21 21",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  bolt: "M13 2L4 14h7l-1 8 9-12h-7z",
  save: "M12 4v11M7 10l5 5 5-5M4 20h16",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon?: IconName;
  /** What it does, where its text does not say. */
  label?: string;
  onClick: () => void;
  children?: ComponentChildren;
  class?: string;
  pressed?: boolean;
  disabled?: boolean;
}

export function Button({ icon, label, onClick, children, class: kind = "", pressed, disabled }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** Copies a text, and says that it did. */
export function CopyButton({ text, label, children }: { text: string; label: string; children?: ComponentChildren }) {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    copied.value = await copyText(text);
    spoken.value = copied.value ? "Copied" : "The browser does not let this page copy";
    setTimeout(() => (copied.value = false), 1500);
  };
  return (
    <Button icon={copied.value ? "check" : "copy"} label={label} class="quiet" onClick={() => void copy()}>
      {children}
    </Button>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that are not secure have no clipboard: a selection can be copied all the same.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A text that is to be copied as it is. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={`Copy: ${label}`} />
    </div>
  );
}

/** Whether the browser thinks it is offline. */
export const offline = signal(!navigator.onLine);
addEventListener("online", () => (offline.value = false));
addEventListener("offline", () => (offline.value = true));
