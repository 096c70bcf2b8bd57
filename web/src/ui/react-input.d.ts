import "react";

declare module "react" {
  interface InputHTMLAttributes<T> {
    /** "": the input takes a folder, with all that is in it. */
    webkitdirectory?: T extends HTMLInputElement ? "" : never;
  }
}
