/** The seats of an amphitheatre around the stage. Decorative: the name is always written beside it. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      aria-hidden="true"
      focusable="false"
    >
      <g strokeLinecap="round" strokeWidth="3.2">
        <path d="M2.5 22a13.5 13.5 0 0 1 27 0" stroke="var(--action)" />
        <path d="M8.5 22a7.5 7.5 0 0 1 15 0" stroke="var(--link)" />
      </g>
      <circle cx="16" cy="22" r="2.8" fill="var(--accent)" />
      <path d="M3 28h26" stroke="var(--accent)" strokeWidth="2.4" strokeLinecap="round" />
    </svg>
  );
}
