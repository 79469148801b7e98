/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `episodes` (
  `id` binary(16) NOT NULL,
  `series_id` binary(16) NOT NULL,
  `number` bigint(20) NOT NULL,
  `title` varchar(200) NOT NULL,
  `video_id` binary(16) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ux_episodes_number` (`series_id`,`number`),
  UNIQUE KEY `ux_episodes_video` (`video_id`,`series_id`),
  CONSTRAINT `fk_episodes_series` FOREIGN KEY (`series_id`) REFERENCES `series` (`id`),
  CONSTRAINT `fk_episodes_video` FOREIGN KEY (`video_id`) REFERENCES `videos` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `episodes` VALUES (0x01A1FF23497D72969C254FD55FF601A7,0x01A1FF23496A77E9947E42CE9C951C8B,1,'Night Shift 1',0x01A1FF229E56729DA02096D5BA0FA6D4,1795281865085670);
INSERT INTO `episodes` VALUES (0x01A1FF2349BE737D9FD3CF2D177019FF,0x01A1FF2349837770988B2E298D2675CA,1,'Rust 1',0x01A1FF229E56729DA02096D5BA0FA6D4,1795281865150110);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `idempotency_keys` (
  `account_id` binary(16) NOT NULL,
  `key_digest` varchar(64) NOT NULL,
  `fingerprint` varchar(64) NOT NULL,
  `created_id` binary(16) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`account_id`,`key_digest`),
  KEY `ix_idempotency_keys_created` (`created_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `idempotency_keys` VALUES (0x01A1FF229C0272D88F7BA93A9299063E,'44e8d93056bf7af152aab8edf762d91e6960991c2adf5cacb4117863869fa903','c5c00fd892b6f1d60eac64c3925c52bc74bed7a378f4ac8c5929506c8206730b',0x01A1FF23496A77E9947E42CE9C951C8B,1795281865067371);
INSERT INTO `idempotency_keys` VALUES (0x01A1FF229C0272D88F7BA93A9299063E,'542a8620e50a594ad45630037b904f66b38734ace537872b17f85343cdf0f774','0434d62bb08c074212e4d6e2ddd3d29f79d0f0bf448825ee20a37b002cc9bb11',0x01A1FF229E56729DA02096D5BA0FA6D4,1795281821284376);
INSERT INTO `idempotency_keys` VALUES (0x01A1FF229C0272D88F7BA93A9299063E,'b2c6724ba162783cdd5eb1f16d8518afb46b7031998b62340f2c2c4795aa0494','d4d76586d811751a3766292972952294906f688a358f3e9ef7ffc4a5bd3923a3',0x01A1FF2308B975A1910CCF3DF3274E2A,1795281848507464);
INSERT INTO `idempotency_keys` VALUES (0x01A1FF229C0272D88F7BA93A9299063E,'ea042458c6b9b5dc6cdc30d8ea289cfe290e31697b3875ac9954b42b8c37eeef','0f32a2b33e02efb8d1df54e7dfa8468530c12e72a74fdfe3596b2cfa65bc4a83',0x01A1FF2349837770988B2E298D2675CA,1795281865091867);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `inbox` (
  `event_id` binary(16) NOT NULL,
  `received_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`event_id`),
  KEY `inbox_by_time` (`received_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `inbox` VALUES (0x01A1FF229EB6752CA600E40D0DBE7B34,1795281821802377);
INSERT INTO `inbox` VALUES (0x01A1FF22A05670158EF8A117406CADCD,1795281822036244);
INSERT INTO `inbox` VALUES (0x01A1FF22CBF57233B6ED48771B4F53A5,1795281833486653);
INSERT INTO `inbox` VALUES (0x01A1FF22F2067184BD867BBECEA742D1,1795281843155401);
INSERT INTO `inbox` VALUES (0x01A1FF22FD06752EBF6C6501D7922292,1795281845854271);
INSERT INTO `inbox` VALUES (0x01A1FF23067E7058A11E538639B995F6,1795281848209981);
INSERT INTO `inbox` VALUES (0x01A1FF2308F97541824E79A0AFC24F23,1795281848812627);
INSERT INTO `inbox` VALUES (0x01A1FF230B517122B85D6BB115BDD4DA,1795281849722109);
INSERT INTO `inbox` VALUES (0x01A1FF2323C27775AE68ED57F1C5ACFE,1795281855738376);
INSERT INTO `inbox` VALUES (0x01A1FF233C33715DB1E644415541B580,1795281861963606);
INSERT INTO `inbox` VALUES (0x01A1FF23435377C386A8ABBB237A1057,1795281863570112);
INSERT INTO `inbox` VALUES (0x01A1FF234832755FA540236329C125AC,1795281864848623);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `jobs` (
  `id` binary(16) NOT NULL,
  `kind` varchar(64) NOT NULL,
  `dedup_key` varchar(190) DEFAULT NULL,
  `payload` text NOT NULL,
  `traceparent` varchar(64) NOT NULL,
  `state` varchar(16) NOT NULL,
  `due_at_us` bigint(20) DEFAULT NULL,
  `attempts` int(11) NOT NULL,
  `max_attempts` int(11) NOT NULL,
  `lease_owner` binary(16) DEFAULT NULL,
  `last_error` text DEFAULT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `jobs_dedup` (`kind`,`dedup_key`),
  KEY `jobs_due` (`kind`,`due_at_us`),
  KEY `jobs_by_state` (`state`,`updated_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `outbox` (
  `position` bigint(20) NOT NULL AUTO_INCREMENT,
  `consumer` varchar(32) NOT NULL,
  `event_id` binary(16) NOT NULL,
  `source` varchar(64) NOT NULL,
  `event_type` varchar(128) NOT NULL,
  `subject` varchar(128) NOT NULL,
  `time_us` bigint(20) NOT NULL,
  `traceparent` varchar(64) NOT NULL,
  `data` text NOT NULL,
  `attempts` int(11) NOT NULL,
  `next_attempt_us` bigint(20) NOT NULL,
  `last_error` text DEFAULT NULL,
  `dead_at_us` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`position`),
  KEY `outbox_by_consumer` (`consumer`,`dead_at_us`,`position`),
  KEY `outbox_by_next_attempt` (`dead_at_us`,`next_attempt_us`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `outbox` VALUES (1,'media',0xF80887400C8C4E10B140213CE60E3470,'catalog','amphi.catalog.video.deleted.v1','4c580eea-29c1-48f0-8fbe-fb5be318829b',1795281869259521,'','{\"video_id\": \"4c580eea-29c1-48f0-8fbe-fb5be318829b\"}',12,0,'media: it is on fire',1795281869259521);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `outbox_lease` (
  `consumer` varchar(32) NOT NULL,
  `owner` binary(16) NOT NULL,
  `until_us` bigint(20) NOT NULL,
  PRIMARY KEY (`consumer`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `seaql_migrations` (
  `version` varchar(255) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `seaql_migrations` VALUES ('catalog_0001_create_videos',1795281814);
INSERT INTO `seaql_migrations` VALUES ('catalog_0002_index_videos_by_listing',1795281814);
INSERT INTO `seaql_migrations` VALUES ('catalog_0003_index_videos_by_owner',1795281814);
INSERT INTO `seaql_migrations` VALUES ('catalog_0004_create_series',1795281814);
INSERT INTO `seaql_migrations` VALUES ('catalog_0005_index_series_by_kind',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0006_index_series_by_time',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0007_create_episodes',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0008_unique_episodes_number',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0009_unique_episodes_video',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0010_create_idempotency_keys',1795281815);
INSERT INTO `seaql_migrations` VALUES ('catalog_0011_index_idempotency_keys_by_time',1795281815);
INSERT INTO `seaql_migrations` VALUES ('chassis_0001_outbox',1795281813);
INSERT INTO `seaql_migrations` VALUES ('chassis_0002_outbox_by_consumer',1795281813);
INSERT INTO `seaql_migrations` VALUES ('chassis_0003_outbox_by_next_attempt',1795281813);
INSERT INTO `seaql_migrations` VALUES ('chassis_0004_outbox_lease',1795281813);
INSERT INTO `seaql_migrations` VALUES ('chassis_0005_inbox',1795281814);
INSERT INTO `seaql_migrations` VALUES ('chassis_0006_inbox_by_time',1795281814);
INSERT INTO `seaql_migrations` VALUES ('chassis_0007_jobs',1795281814);
INSERT INTO `seaql_migrations` VALUES ('chassis_0008_jobs_dedup',1795281814);
INSERT INTO `seaql_migrations` VALUES ('chassis_0009_jobs_due',1795281814);
INSERT INTO `seaql_migrations` VALUES ('chassis_0010_jobs_by_state',1795281814);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `series` (
  `id` binary(16) NOT NULL,
  `owner_id` binary(16) NOT NULL,
  `kind` varchar(16) NOT NULL,
  `title` varchar(200) NOT NULL,
  `description` text NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_series_kind` (`kind`,`created_at_us`,`id`),
  KEY `ix_series_created` (`created_at_us`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `series` VALUES (0x01A1FF23496A77E9947E42CE9C951C8B,0x01A1FF229C0272D88F7BA93A9299063E,'drama','Night Shift','Three operators',1795281865067940);
INSERT INTO `series` VALUES (0x01A1FF2349837770988B2E298D2675CA,0x01A1FF229C0272D88F7BA93A9299063E,'course','Rust','Three operators',1795281865092713);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `videos` (
  `id` binary(16) NOT NULL,
  `owner_id` binary(16) NOT NULL,
  `title` varchar(200) NOT NULL,
  `description` text NOT NULL,
  `visibility` varchar(16) NOT NULL,
  `state` varchar(16) NOT NULL,
  `state_reason` varchar(1000) DEFAULT NULL,
  `listed` tinyint(1) NOT NULL,
  `duration_ms` bigint(20) DEFAULT NULL,
  `width` bigint(20) DEFAULT NULL,
  `height` bigint(20) DEFAULT NULL,
  `poster_path` varchar(512) DEFAULT NULL,
  `asset_version` bigint(20) NOT NULL,
  `version` bigint(20) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_videos_listed` (`listed`,`created_at_us`,`id`),
  KEY `ix_videos_owner` (`owner_id`,`created_at_us`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `videos` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,0x01A1FF229C0272D88F7BA93A9299063E,'The harbour','','public','ready',NULL,1,5013,256,144,'/images/YvTmhs1wGiv8i1pUkNfA3Q/poster.jpg',18,7,1795281821298526,1795281848249140);
INSERT INTO `videos` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,0x01A1FF229C0272D88F7BA93A9299063E,'Not for everybody','','private','ready',NULL,0,5013,256,144,'/images/LMvv8cU-fRMtRrHQJiJ3Fg/poster.jpg',17,7,1795281848513970,1795281864866161);
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
