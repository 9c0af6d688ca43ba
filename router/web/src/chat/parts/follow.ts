/** A scrolling box that stays at its end while it grows, unless the reader has scrolled up. */
import type { RefObject } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

const NEAR_PX = 48;

export interface Follow {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly follows: boolean;
  toEnd(): void;
}

export function useFollow(): Follow {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const state = useRef({ follows: true, top: 0 });
  const [follows, setFollows] = useState(true);

  const set = useCallback((value: boolean) => {
    state.current.follows = value;
    setFollows(value);
  }, []);
  const jump = useCallback(() => {
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, []);
  const toEnd = useCallback(() => {
    set(true);
    jump();
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (box === null || inner === null) return;
    const onScroll = () => {
      const fromEnd = box.scrollHeight - box.scrollTop - box.clientHeight;
      const wentUp = box.scrollTop < state.current.top - 1;
      state.current.top = box.scrollTop;
      if (fromEnd <= NEAR_PX) set(true);
      else if (wentUp) set(false);
    };
    const grown = new ResizeObserver(() => {
      if (state.current.follows) jump();
    });
    box.addEventListener("scroll", onScroll, { passive: true });
    grown.observe(inner);
    grown.observe(box);
    return () => {
      box.removeEventListener("scroll", onScroll);
      grown.disconnect();
    };
  }, []);
  return { scroller, content, follows, toEnd };
}
