// Every option that would talk to a third party is switched off: requests from "try it" go straight to this server.
window.Scalar.createApiReference('#reference', {
  url: '/api/openapi.json',
  proxyUrl: '',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  theme: 'default',
});
