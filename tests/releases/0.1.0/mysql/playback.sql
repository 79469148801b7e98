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
CREATE TABLE `inbox` (
  `event_id` binary(16) NOT NULL,
  `received_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`event_id`),
  KEY `inbox_by_time` (`received_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `inbox` VALUES (0x01A1FF229EB6752CA600E40D0DBE7B34,1795281821690020);
INSERT INTO `inbox` VALUES (0x01A1FF22A05670158EF8A117406CADCD,1795281822142245);
INSERT INTO `inbox` VALUES (0x01A1FF22CBF57233B6ED48771B4F53A5,1795281833495989);
INSERT INTO `inbox` VALUES (0x01A1FF22F2067184BD867BBECEA742D1,1795281842931379);
INSERT INTO `inbox` VALUES (0x01A1FF22FD06752EBF6C6501D7922292,1795281845815794);
INSERT INTO `inbox` VALUES (0x01A1FF23067E7058A11E538639B995F6,1795281848206520);
INSERT INTO `inbox` VALUES (0x01A1FF2308F97541824E79A0AFC24F23,1795281848719402);
INSERT INTO `inbox` VALUES (0x01A1FF230B517122B85D6BB115BDD4DA,1795281849734133);
INSERT INTO `inbox` VALUES (0x01A1FF2323C27775AE68ED57F1C5ACFE,1795281855791279);
INSERT INTO `inbox` VALUES (0x01A1FF233C33715DB1E644415541B580,1795281861854518);
INSERT INTO `inbox` VALUES (0x01A1FF23435377C386A8ABBB237A1057,1795281863591320);
INSERT INTO `inbox` VALUES (0x01A1FF234832755FA540236329C125AC,1795281864855582);
INSERT INTO `inbox` VALUES (0x01A1FF234D7E744CA089A1E8ED3A5DEA,1795281866269923);
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
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
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
CREATE TABLE `playback_ended_sign_ins` (
  `sign_in_id` binary(16) NOT NULL,
  `ended_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`sign_in_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `playback_ended_sign_ins` VALUES (0x01A1FF234CCC732B806FDD53018B3636,1795281866278156);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `playback_resume_positions` (
  `account_id` binary(16) NOT NULL,
  `video_id` binary(16) NOT NULL,
  `position_ms` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`account_id`,`video_id`),
  KEY `playback_resume_positions_by_video` (`video_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `playback_resume_positions` VALUES (0x01A1FF229D9474FFBFB781E89DAA396E,0x01A1FF229E56729DA02096D5BA0FA6D4,2500,1795281865355752);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `playback_sessions` (
  `id` binary(16) NOT NULL,
  `account_id` binary(16) DEFAULT NULL,
  `sign_in_id` binary(16) DEFAULT NULL,
  `video_id` binary(16) DEFAULT NULL,
  `sees_private` tinyint(1) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `expires_at_us` bigint(20) NOT NULL,
  `revoked_at_us` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `playback_sessions_by_expiry` (`expires_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `playback_sessions` VALUES (0x01A1FF234A47763683CA4EF4B60B8D81,0x01A1FF229D9474FFBFB781E89DAA396E,0x01A1FF229D9474FFBFB781E95FE6996F,0x01A1FF229E56729DA02096D5BA0FA6D4,0,1795281865197533,1795303465197533,NULL);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `playback_signing_keys` (
  `number` int(11) NOT NULL,
  `secret` varbinary(32) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`number`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `playback_signing_keys` VALUES (1,0xF108BD348B024A928C505BD877C9A08E7D3C25672A7693513F371F8EFF9E0FD2,1795281819881811);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `playback_video_locks` (
  `video_id` binary(16) NOT NULL,
  `reason` varchar(16) NOT NULL,
  `locked_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`video_id`)
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
INSERT INTO `seaql_migrations` VALUES ('chassis_0001_outbox',1795281818);
INSERT INTO `seaql_migrations` VALUES ('chassis_0002_outbox_by_consumer',1795281818);
INSERT INTO `seaql_migrations` VALUES ('chassis_0003_outbox_by_next_attempt',1795281818);
INSERT INTO `seaql_migrations` VALUES ('chassis_0004_outbox_lease',1795281818);
INSERT INTO `seaql_migrations` VALUES ('chassis_0005_inbox',1795281818);
INSERT INTO `seaql_migrations` VALUES ('chassis_0006_inbox_by_time',1795281819);
INSERT INTO `seaql_migrations` VALUES ('chassis_0007_jobs',1795281819);
INSERT INTO `seaql_migrations` VALUES ('chassis_0008_jobs_dedup',1795281819);
INSERT INTO `seaql_migrations` VALUES ('chassis_0009_jobs_due',1795281819);
INSERT INTO `seaql_migrations` VALUES ('chassis_0010_jobs_by_state',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0001_sessions',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0002_sessions_by_expiry',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0003_signing_keys',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0004_video_locks',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0005_ended_sign_ins',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0006_resume_positions',1795281819);
INSERT INTO `seaql_migrations` VALUES ('playback_0007_resume_positions_by_video',1795281819);
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
