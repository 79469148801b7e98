import { createFileRoute } from '@tanstack/react-router';
import { UploadPage } from '~/features/upload/UploadPage';

export const Route = createFileRoute('/upload')({ component: UploadPage });
