export type PlayerAction =
  | { type: 'toggle-play' }
  | { type: 'seek-by'; seconds: number }
  | { type: 'seek-to-share'; share: number }
  | { type: 'volume-by'; share: number }
  | { type: 'toggle-mute' }
  | { type: 'toggle-fullscreen' }
  | { type: 'speed-step'; direction: -1 | 1 };

type KeyPress = Pick<KeyboardEvent, 'code' | 'shiftKey' | 'altKey' | 'ctrlKey' | 'metaKey'>;

const PLAIN: Record<string, PlayerAction> = {
  Space: { type: 'toggle-play' },
  KeyK: { type: 'toggle-play' },
  KeyJ: { type: 'seek-by', seconds: -10 },
  KeyL: { type: 'seek-by', seconds: 10 },
  ArrowLeft: { type: 'seek-by', seconds: -5 },
  ArrowRight: { type: 'seek-by', seconds: 5 },
  ArrowUp: { type: 'volume-by', share: 0.05 },
  ArrowDown: { type: 'volume-by', share: -0.05 },
  KeyM: { type: 'toggle-mute' },
  KeyF: { type: 'toggle-fullscreen' },
  Home: { type: 'seek-to-share', share: 0 },
  End: { type: 'seek-to-share', share: 1 },
};

const SHIFTED: Record<string, PlayerAction> = {
  Comma: { type: 'speed-step', direction: -1 },
  Period: { type: 'speed-step', direction: 1 },
};

/** What a key does, by where it lies (`code`): with a Korean input source the `k` key reports `ㅏ` as its `key`. */
export function actionOf(press: KeyPress): PlayerAction | null {
  if (press.altKey || press.ctrlKey || press.metaKey) return null;
  if (press.shiftKey) return SHIFTED[press.code] ?? null;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(press.code)?.[1];
  if (digit) return { type: 'seek-to-share', share: Number(digit) / 10 };
  return PLAIN[press.code] ?? null;
}

const TEXT_FIELD =
  'input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=true]';
const OWN_MEANING: Record<string, string> = {
  Space: 'button, a, summary, [role=menuitem], [role=option], [role=slider]',
  ArrowLeft: 'input, [role=menu] *, [role=slider], [role=radio]',
  ArrowRight: 'input, [role=menu] *, [role=slider], [role=radio]',
  ArrowUp: 'input, [role=menu] *, [role=slider], [role=radio]',
  ArrowDown: 'input, [role=menu] *, [role=slider], [role=radio]',
  Home: 'input, [role=menu] *, [role=slider]',
  End: 'input, [role=menu] *, [role=slider]',
};

/** Whether the key belongs to what has the focus: somebody is typing, or works a menu, a slider or a dialog. */
export function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || !(event.target instanceof Element)) return event.defaultPrevented;
  const own = OWN_MEANING[event.code];
  return (
    event.target.matches(TEXT_FIELD) ||
    event.target.closest('[role=dialog]') !== null ||
    (own !== undefined && event.target.matches(own))
  );
}

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

export function applyAction(
  action: PlayerAction,
  video: HTMLVideoElement,
  toggleFullscreen: () => void,
): void {
  const end = Number.isFinite(video.duration) ? video.duration : video.currentTime;
  switch (action.type) {
    case 'toggle-play':
      if (video.paused) void video.play().catch(() => undefined);
      else video.pause();
      return;
    case 'seek-by':
      video.currentTime = Math.min(end, Math.max(0, video.currentTime + action.seconds));
      return;
    case 'seek-to-share':
      video.currentTime = end * action.share;
      return;
    case 'volume-by':
      video.muted = false;
      video.volume = Math.min(1, Math.max(0, video.volume + action.share));
      return;
    case 'toggle-mute':
      video.muted = !video.muted;
      return;
    case 'toggle-fullscreen':
      toggleFullscreen();
      return;
    case 'speed-step': {
      const at = SPEEDS.findIndex((speed) => speed >= video.playbackRate);
      video.playbackRate =
        SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + action.direction))] ?? 1;
    }
  }
}
