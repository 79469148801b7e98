import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';
import { serviceVariables } from './service-palette';

const tide: MantineColorsTuple = [
  '#e8f0ff',
  '#cfdfff',
  '#9dbcff',
  '#6c9dff',
  '#437fff',
  '#2d6ffb',
  '#1f61f5',
  '#134fd6',
  '#0f3fae',
  '#0a2e85',
];
const ember: MantineColorsTuple = [
  '#fff1e6',
  '#ffe0c8',
  '#ffc08f',
  '#ff9f54',
  '#ff8f3a',
  '#ff7f22',
  '#e66a0e',
  '#bf4b00',
  '#9a3d00',
  '#7a3000',
];
/** Mantine reads its dark surfaces from this scale: 7 page, 6 card, 5 hover, 4 border. */
const ink: MantineColorsTuple = [
  '#eef1f6',
  '#c8cfdc',
  '#9aa5ba',
  '#7f8aa1',
  '#232c40',
  '#1a2132',
  '#121827',
  '#0b101c',
  '#080c15',
  '#05080f',
];

const light = {
  '--surface-1': '#ffffff',
  '--surface-2': '#f5f7fb',
  '--surface-3': '#eef1f6',
  '--line': '#e3e8f1',
  '--line-control': '#7f8aa1',
  '--text': '#121827',
  '--text-dim': '#566178',
  '--action': '#1f61f5',
  '--link': '#134fd6',
  '--accent': '#ff7f22',
  '--accent-text': '#bf4b00',
  '--ok': '#0d7a45',
  '--warn': '#9a5b00',
  '--hot': '#c92a2a',
  '--hot-soft': '#fff0f0',
  '--nav-active': '#e8f0ff',
  '--segment-active': '#ffffff',
};

const dark: Record<keyof typeof light, string> = {
  '--surface-1': '#0b101c',
  '--surface-2': '#121827',
  '--surface-3': '#1a2132',
  '--line': '#232c40',
  '--line-control': '#5b667e',
  '--text': '#eef1f6',
  '--text-dim': '#9aa5ba',
  '--action': '#1f61f5',
  '--link': '#6c9dff',
  '--accent': '#ff7f22',
  '--accent-text': '#ff7f22',
  '--ok': '#35c77f',
  '--warn': '#ffb340',
  '--hot': '#ff7b7b',
  '--hot-soft': '#2a1218',
  '--nav-active': '#16264d',
  '--segment-active': '#34415f',
};

/** What a page is painted on; the bars of the browser around it take the same. */
export const pageColour = { light: light['--surface-1'], dark: dark['--surface-1'] };

/** Mantine's own names, pointed at the tokens, so that its parts and ours cannot drift apart. */
const aliases = {
  '--mantine-color-body': 'var(--surface-1)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-bright': 'var(--text)',
  '--mantine-color-dimmed': 'var(--text-dim)',
  '--mantine-color-anchor': 'var(--link)',
  '--mantine-color-placeholder': 'var(--text-dim)',
  '--mantine-color-error': 'var(--hot)',
  '--mantine-color-default': 'var(--surface-2)',
  '--mantine-color-default-hover': 'var(--surface-3)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-default-border': 'var(--line)',
  '--mantine-color-tide-text': 'var(--link)',
};

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {
    '--motion-fast': '120ms cubic-bezier(.2,0,0,1)',
    '--motion-base': '180ms cubic-bezier(.2,0,0,1)',
    '--header-height': '3.75rem',
    '--rail-width': '13rem',
  },
  light: { ...light, ...aliases, ...serviceVariables('light') },
  dark: { ...dark, ...aliases, ...serviceVariables('dark') },
});

const DIALOG_TITLE = { fontSize: '1.125rem', fontWeight: 700 };

export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: { light: 6, dark: 6 },
  colors: { tide, ember, dark: ink },
  autoContrast: true,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily:
    "'Pretendard Variable', Pretendard, system-ui, -apple-system, 'Apple SD Gothic Neo', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Noto Sans Mono', monospace",
  fontSizes: { xs: '0.8125rem', sm: '0.875rem', md: '0.9375rem', lg: '1rem', xl: '1.25rem' },
  headings: {
    fontWeight: '700',
    sizes: {
      h1: { fontSize: 'clamp(1.5rem, 1.2rem + 1.4vw, 2.125rem)', lineHeight: '1.15' },
      h2: { fontSize: '1.25rem', lineHeight: '1.3' },
      h3: { fontSize: '1rem', lineHeight: '1.4' },
    },
  },
  breakpoints: { xs: '30em', sm: '48em', md: '64em', lg: '80em', xl: '100em' },
  components: {
    Button: { defaultProps: { mih: 44 } },
    ActionIcon: { defaultProps: { size: 44, variant: 'subtle', color: 'gray' } },
    TextInput: { defaultProps: { size: 'md' } },
    PasswordInput: {
      defaultProps: { size: 'md' },
      styles: { visibilityToggle: { width: 40, height: 40, minWidth: 40 } },
    },
    CloseButton: { defaultProps: { size: 44, iconSize: 18 } },
    Select: { defaultProps: { size: 'md', allowDeselect: false } },
    Textarea: { defaultProps: { size: 'md' } },
    Modal: { defaultProps: { centered: true }, styles: { title: DIALOG_TITLE } },
    Drawer: { styles: { title: DIALOG_TITLE } },
    SegmentedControl: {
      styles: {
        root: { background: 'var(--surface-3)' },
        indicator: { background: 'var(--segment-active)' },
      },
    },
  },
});
