import { Modal, Table } from '@mantine/core';
import { useTranslation } from 'react-i18next';

export function HotkeyDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('watch.hotkeys')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <HotkeyTable />
    </Modal>
  );
}

function HotkeyTable() {
  const { t } = useTranslation();
  const rows = [
    ['Space  K', t('watch.hotkey_play')],
    ['J  L', t('watch.hotkey_seek10')],
    ['←  →', t('watch.hotkey_seek5')],
    ['↑  ↓', t('watch.hotkey_volume')],
    ['M', t('watch.hotkey_mute')],
    ['F', t('watch.hotkey_fullscreen')],
    ['<  >', t('watch.hotkey_speed')],
    ['0 – 9', t('watch.hotkey_jump')],
    ['Home  End', t('watch.hotkey_ends')],
  ] as const;
  return (
    <Table>
      <Table.Tbody>
        {rows.map(([keys, meaning]) => (
          <Table.Tr key={keys}>
            <Table.Th scope="row" className="mono" style={{ whiteSpace: 'pre' }}>
              {keys}
            </Table.Th>
            <Table.Td>{meaning}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
