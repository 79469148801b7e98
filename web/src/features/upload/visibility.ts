import { useTranslation } from 'react-i18next';
import type { Visibility } from '~/api/client';

const VISIBILITIES = ['public', 'unlisted', 'private'] as const satisfies readonly Visibility[];

export function useVisibilityOptions(): { value: Visibility; label: string }[] {
  const { t } = useTranslation();
  return VISIBILITIES.map((value) => ({ value, label: t(`video.visibility_${value}`) }));
}
