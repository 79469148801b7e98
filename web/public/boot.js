// Runs before the first paint, as its own file because the content security policy allows no inline script:
// without it a light-scheme reader would see a dark flash, and a screen reader the wrong language.
(() => {
  const root = document.documentElement;
  let scheme = null;
  let language = null;
  try {
    scheme = localStorage.getItem('amphi.color-scheme');
    language = localStorage.getItem('amphi.language');
  } catch {
    // Storage may be forbidden; the system's preferences then decide.
  }
  if (scheme !== 'light' && scheme !== 'dark') {
    scheme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  if (language !== 'ko' && language !== 'en') {
    language = (navigator.languages || []).some((tag) => tag.toLowerCase().startsWith('ko'))
      ? 'ko'
      : 'en';
  }
  root.setAttribute('data-mantine-color-scheme', scheme);
  root.lang = language;
})();
