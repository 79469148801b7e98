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
CREATE TABLE `accounts` (
  `id` binary(16) NOT NULL,
  `email` varchar(254) NOT NULL,
  `email_key` varchar(254) NOT NULL,
  `name` varchar(80) NOT NULL,
  `role` varchar(16) NOT NULL,
  `password_hash` varchar(255) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ux_accounts_email_key` (`email_key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `accounts` VALUES (0x01A1FF229C0272D88F7BA93A9299063E,'ann@example.org','ann@example.org','Ann','creator','$argon2id$v=19$m=19456,t=2,p=1$WaJS28IDle2ikayI9Oaq3A$JUhyKNTE6C2vlAuJlgM98IIiXqh1IWfmKGtg4ISRmkY',1795281820674175);
INSERT INTO `accounts` VALUES (0x01A1FF229D9474FFBFB781E89DAA396E,'bob@example.org','bob@example.org','Bob','creator','$argon2id$v=19$m=19456,t=2,p=1$QZPkMtRkZSxokuEnuJH3ig$5UjPImQrUQ1zlxghSM9DX4eHg6LcCNYvNhzeD4KNies',1795281821076479);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `inbox` (
  `event_id` binary(16) NOT NULL,
  `received_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`event_id`),
  KEY `inbox_by_time` (`received_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
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
CREATE TABLE `login_failures` (
  `subject` varchar(80) NOT NULL,
  `failures` bigint(20) NOT NULL,
  `window_started_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`subject`),
  KEY `ix_login_failures_window` (`window_started_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `login_records` (
  `id` binary(16) NOT NULL,
  `account_id` binary(16) NOT NULL,
  `at_us` bigint(20) NOT NULL,
  `outcome` varchar(32) NOT NULL,
  `ip` varchar(45) NOT NULL,
  `user_agent` varchar(256) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_login_records_account` (`account_id`,`at_us`,`id`),
  KEY `ix_login_records_at` (`at_us`),
  KEY `ix_login_records_outcome` (`account_id`,`outcome`,`at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `login_records` VALUES (0x01A1FF229C057528A0A42E8AD9DB7E14,0x01A1FF229C0272D88F7BA93A9299063E,1795281820674175,'succeeded','127.0.0.1','Python-urllib/3.11');
INSERT INTO `login_records` VALUES (0x01A1FF229DCA7654A68E07B506EF8336,0x01A1FF229D9474FFBFB781E89DAA396E,1795281821076479,'succeeded','127.0.0.1','Python-urllib/3.11');
INSERT INTO `login_records` VALUES (0x01A1FF234D0277518F9E556723F29CB6,0x01A1FF229C0272D88F7BA93A9299063E,1795281865932143,'succeeded','127.0.0.1','Python-urllib/3.11');
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
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `outbox_lease` (
  `consumer` varchar(32) NOT NULL,
  `owner` binary(16) NOT NULL,
  `until_us` bigint(20) NOT NULL,
  PRIMARY KEY (`consumer`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `outbox_lease` VALUES ('playback',0x01A1FF22993370EAAC8E317AED381DF1,0);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `refresh_tokens` (
  `digest` varchar(64) NOT NULL,
  `session_id` binary(16) NOT NULL,
  `expires_at_us` bigint(20) NOT NULL,
  `spent_at_us` bigint(20) DEFAULT NULL,
  `successor_nonce` varchar(43) DEFAULT NULL,
  PRIMARY KEY (`digest`),
  KEY `ix_refresh_tokens_session` (`session_id`),
  KEY `ix_refresh_tokens_expires` (`expires_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `refresh_tokens` VALUES ('777e101648e522301fed1cafbaa51b933f71ce44bcdbf76816650e74778c29c8',0x01A1FF234CCC732B806FDD53018B3636,1797873865932143,NULL,NULL);
INSERT INTO `refresh_tokens` VALUES ('c2b564c3b87ec0b6fcf4cea32dea6016edcce9a9c935ad86728eb5b57b960300',0x01A1FF229C0272D88F7BA93B559EB142,1797873820674175,NULL,NULL);
INSERT INTO `refresh_tokens` VALUES ('f9f14765d0ff048bdee33ea03ce8761925dfdca1496469c54cde976b7dcd48ac',0x01A1FF229D9474FFBFB781E95FE6996F,1797873821076479,NULL,NULL);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `seaql_migrations` (
  `version` varchar(255) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `seaql_migrations` VALUES ('chassis_0001_outbox',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0002_outbox_by_consumer',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0003_outbox_by_next_attempt',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0004_outbox_lease',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0005_inbox',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0006_inbox_by_time',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0007_jobs',1795281811);
INSERT INTO `seaql_migrations` VALUES ('chassis_0008_jobs_dedup',1795281812);
INSERT INTO `seaql_migrations` VALUES ('chassis_0009_jobs_due',1795281812);
INSERT INTO `seaql_migrations` VALUES ('chassis_0010_jobs_by_state',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0001_create_accounts',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0002_unique_accounts_email_key',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0003_create_sessions',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0004_index_sessions_by_revocation',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0005_index_sessions_by_expiry',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0006_create_refresh_tokens',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0007_index_refresh_tokens_by_session',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0008_index_refresh_tokens_by_expiry',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0009_create_login_records',1795281812);
INSERT INTO `seaql_migrations` VALUES ('identity_0010_index_login_records_by_account',1795281813);
INSERT INTO `seaql_migrations` VALUES ('identity_0011_index_login_records_by_time',1795281813);
INSERT INTO `seaql_migrations` VALUES ('identity_0012_create_login_failures',1795281813);
INSERT INTO `seaql_migrations` VALUES ('identity_0013_index_login_failures_by_window',1795281813);
INSERT INTO `seaql_migrations` VALUES ('identity_0014_create_signing_keys',1795281813);
INSERT INTO `seaql_migrations` VALUES ('identity_0015_index_login_records_by_outcome',1795281813);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `sessions` (
  `id` binary(16) NOT NULL,
  `account_id` binary(16) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `expires_at_us` bigint(20) NOT NULL,
  `revoked_at_us` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_sessions_revoked` (`revoked_at_us`,`id`),
  KEY `ix_sessions_expires` (`expires_at_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `sessions` VALUES (0x01A1FF229C0272D88F7BA93B559EB142,0x01A1FF229C0272D88F7BA93A9299063E,1795281820674175,1810833820674175,NULL);
INSERT INTO `sessions` VALUES (0x01A1FF229D9474FFBFB781E95FE6996F,0x01A1FF229D9474FFBFB781E89DAA396E,1795281821076479,1810833821076479,NULL);
INSERT INTO `sessions` VALUES (0x01A1FF234CCC732B806FDD53018B3636,0x01A1FF229C0272D88F7BA93A9299063E,1795281865932143,1810833865932143,1795281866051471);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `signing_keys` (
  `generation` bigint(20) NOT NULL,
  `kid` varchar(36) NOT NULL,
  `private_key` varchar(255) NOT NULL,
  `public_key` varchar(64) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`generation`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `signing_keys` VALUES (1,'01a1ff22-8061-7719-8865-5331586bad69','MFECAQEwBQYDK2VwBCIEIFi6C163fczweikeneJCGEYdm09JjiA9g8Hqdy1WTOPngSEA4HpgGCJyMJv_mZzgxvbsqKVgwwW5aZBW8Wzm0pT2rVg','4HpgGCJyMJv_mZzgxvbsqKVgwwW5aZBW8Wzm0pT2rVg',1795281813588166);
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
