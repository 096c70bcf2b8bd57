import { useState } from "react";

interface PictureProps {
  readonly src: string;
  readonly className?: string;
  readonly style?: React.CSSProperties;
  readonly lazy?: boolean;
}

/** A picture without words of its own, which fades in when it is there. */
export function Picture({ src, className = "", style, lazy = false }: PictureProps) {
  const [loaded, setLoaded] = useState<string | null>(null);
  return (
    <img
      className={`picture ${loaded === src ? "" : "loading"} ${className}`}
      style={style}
      src={src}
      alt=""
      draggable={false}
      loading={lazy ? "lazy" : "eager"}
      onLoad={() => setLoaded(src)}
    />
  );
}
