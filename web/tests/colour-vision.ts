/** What it takes to tell whether two colours can be told apart, for those who see fewer of them too. */

export type Triple = readonly [number, number, number];
export type Vision = 'trichromacy' | 'protanopia' | 'deuteranopia' | 'tritanopia';

/** Machado, Oliveira and Fernandes 2009, severity 1.0, on linear sRGB. */
const SIMULATIONS: Record<Vision, readonly [Triple, Triple, Triple]> = {
  trichromacy: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
export const VISIONS = Object.keys(SIMULATIONS) as Vision[];

const D65: Triple = [0.95047, 1, 1.08883];
const DEGREE = Math.PI / 180;

const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const clamp = (share: number): number => Math.min(1, Math.max(0, share));

function linear(hex: string): Triple {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

const luminance = (colour: Triple): number => dot([0.2126, 0.7152, 0.0722], colour);

/** WCAG 2.2, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [one, other] = [luminance(linear(a)), luminance(linear(b))];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** CIELAB under D65, as this eye sees it. */
function lab(hex: string, vision: Vision): Triple {
  const colour = linear(hex);
  const [r, g, b] = SIMULATIONS[vision];
  const seen: Triple = [clamp(dot(r, colour)), clamp(dot(g, colour)), clamp(dot(b, colour))];
  const f = (value: number): number =>
    value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116;
  const x = f(dot([0.4124, 0.3576, 0.1805], seen) / D65[0]);
  const y = f(dot([0.2126, 0.7152, 0.0722], seen) / D65[1]);
  const z = f(dot([0.0193, 0.1192, 0.9505], seen) / D65[2]);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const hueOf = (b: number, a: number): number => (Math.atan2(b, a) / DEGREE + 360) % 360;

/** CIEDE2000 (Sharma, Wu and Dalal 2005); about 1 is the least that can be seen, 10 is told apart at a glance. */
export function difference(one: string, other: string, vision: Vision): number {
  const [l1, a1, b1] = lab(one, vision);
  const [l2, a2, b2] = lab(other, vision);
  const seventh = (chroma: number): number => Math.sqrt(chroma ** 7 / (chroma ** 7 + 25 ** 7));
  const grey = 1.5 - 0.5 * seventh((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2);
  const [c1, c2] = [Math.hypot(a1 * grey, b1), Math.hypot(a2 * grey, b2)];
  const [h1, h2] = [hueOf(b1, a1 * grey), hueOf(b2, a2 * grey)];
  const turn = h2 - h1;
  const wide = Math.abs(turn) > 180;
  const hueStep = wide ? turn - Math.sign(turn) * 360 : turn;
  const hue = wide ? (h1 + h2 + (h1 + h2 < 360 ? 360 : -360)) / 2 : (h1 + h2) / 2;
  const [lightness, chroma] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const cos = (degrees: number): number => Math.cos(degrees * DEGREE);
  const t =
    1 -
    0.17 * cos(hue - 30) +
    0.24 * cos(2 * hue) +
    0.32 * cos(3 * hue + 6) -
    0.2 * cos(4 * hue - 63);
  const dl =
    (l2 - l1) / (1 + (0.015 * (lightness - 50) ** 2) / Math.sqrt(20 + (lightness - 50) ** 2));
  const dc = (c2 - c1) / (1 + 0.045 * chroma);
  const dh = (2 * Math.sqrt(c1 * c2) * Math.sin((hueStep / 2) * DEGREE)) / (1 + 0.015 * chroma * t);
  const rotation =
    -2 * seventh(chroma) * Math.sin(60 * Math.exp(-(((hue - 275) / 25) ** 2)) * DEGREE);
  return Math.sqrt(dl ** 2 + dc ** 2 + dh ** 2 + rotation * dc * dh);
}
