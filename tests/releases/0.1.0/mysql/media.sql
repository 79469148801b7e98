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
CREATE TABLE `assets` (
  `video_id` binary(16) NOT NULL,
  `owner_id` binary(16) NOT NULL,
  `state` varchar(16) NOT NULL,
  `state_reason` varchar(1000) DEFAULT NULL,
  `progress` double NOT NULL,
  `duration_ms` bigint(20) DEFAULT NULL,
  `width` int(11) DEFAULT NULL,
  `height` int(11) DEFAULT NULL,
  `upload_bytes` bigint(20) NOT NULL,
  `received_bytes` bigint(20) NOT NULL,
  `source_key` varchar(200) DEFAULT NULL,
  `source_info` text DEFAULT NULL,
  `images_token` varchar(32) NOT NULL,
  `has_poster` tinyint(1) NOT NULL,
  `has_storyboard` tinyint(1) NOT NULL,
  `viewable_at_us` bigint(20) DEFAULT NULL,
  `last_leased_at_us` bigint(20) NOT NULL,
  `traceparent` varchar(64) DEFAULT NULL,
  `version` bigint(20) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`video_id`),
  KEY `ix_assets_images_token` (`images_token`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `assets` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,0x01A1FF229C0272D88F7BA93A9299063E,'ready',NULL,1,5013,256,144,359049,359049,'sources/01a1ff22-9e56-729d-a020-96d5ba0fa6d4/01a1ff22-9e7f-77b9-826a-a2d426868488','{\"container\":\"mp4\",\"duration_ms\":5000,\"start_time_us\":0,\"bit_rate_bps\":574478,\"stream_count\":2,\"video\":{\"index\":0,\"codec\":\"h264\",\"coded_width\":256,\"coded_height\":144,\"display_width\":256,\"display_height\":144,\"rotation_degrees\":0,\"frame_rate\":[25,1],\"constant_frame_rate\":true,\"pixel_format\":\"yuv420p\",\"bit_depth\":8,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"start_time_us\":0,\"duration_ms\":5000,\"frame_count_estimate\":125},\"audio\":[{\"index\":1,\"codec\":\"aac\",\"channels\":1,\"sample_rate_hz\":48000,\"language\":\"und\",\"title\":null,\"default\":true,\"start_time_us\":0,\"duration_ms\":5000}]}','YvTmhs1wGiv8i1pUkNfA3Q',1,1,1795281842650733,1795281843408120,'00-2adc7e6ed18af19bbdc12264d51e057a-f4b55975ccbb58c2-01',18,1795281821359297,1795281847870591);
INSERT INTO `assets` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,0x01A1FF229C0272D88F7BA93A9299063E,'ready',NULL,1,5013,256,144,359049,359049,'sources/01a1ff23-08b9-75a1-910c-cf3df3274e2a/01a1ff23-08ca-7580-948c-4c683fb145cc','{\"container\":\"mp4\",\"duration_ms\":5000,\"start_time_us\":0,\"bit_rate_bps\":574478,\"stream_count\":2,\"video\":{\"index\":0,\"codec\":\"h264\",\"coded_width\":256,\"coded_height\":144,\"display_width\":256,\"display_height\":144,\"rotation_degrees\":0,\"frame_rate\":[25,1],\"constant_frame_rate\":true,\"pixel_format\":\"yuv420p\",\"bit_depth\":8,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"start_time_us\":0,\"duration_ms\":5000,\"frame_count_estimate\":125},\"audio\":[{\"index\":1,\"codec\":\"aac\",\"channels\":1,\"sample_rate_hz\":48000,\"language\":\"und\",\"title\":null,\"default\":true,\"start_time_us\":0,\"duration_ms\":5000}]}','LMvv8cU-fRMtRrHQJiJ3Fg',1,1,1795281861674128,1795281862174240,'00-459b2d855f12a16019b1a8ca51011237-87083186e6defb32-01',17,1795281848558486,1795281864718199);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `encode_tasks` (
  `id` binary(16) NOT NULL,
  `video_id` binary(16) NOT NULL,
  `ordinal` int(11) NOT NULL,
  `urgency` int(11) NOT NULL,
  `kind` varchar(16) NOT NULL,
  `spec` text NOT NULL,
  `weight` double NOT NULL,
  `state` varchar(16) NOT NULL,
  `fence` bigint(20) NOT NULL,
  `failures` int(11) NOT NULL,
  `lost_leases` int(11) NOT NULL,
  `encoder_id` varchar(100) DEFAULT NULL,
  `lease_expires_at_us` bigint(20) NOT NULL,
  `not_before_us` bigint(20) NOT NULL,
  `progress` double NOT NULL,
  `last_error` varchar(1000) DEFAULT NULL,
  `traceparent` varchar(64) DEFAULT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_encode_tasks_state` (`state`,`not_before_us`),
  KEY `ix_encode_tasks_video` (`video_id`,`ordinal`),
  KEY `ix_encode_tasks_encoder` (`encoder_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `encode_tasks` VALUES (0x01A1FF22CB6E76F08B0A16523F814B60,0x01A1FF229E56729DA02096D5BA0FA6D4,0,0,'audio','{\"kind\":\"audio\",\"container\":\"mp4\",\"clock_start_us\":0,\"tracks\":[{\"rendition\":\"a0\",\"stream_index\":1,\"language\":\"und\",\"silence_after_ms\":0}],\"bit_rate_bps\":128000,\"grid\":{\"segment_ms\":4000},\"first_segment\":0,\"segments_max\":10800}',20000,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-42113df1c68b329dd11abd835241647f-86ce128d9a603dad-01',1795281832814615,1795281839074630);
INSERT INTO `encode_tasks` VALUES (0x01A1FF22CB6E76F08B0A165306408E3E,0x01A1FF229E56729DA02096D5BA0FA6D4,1,0,'video_chunk','{\"kind\":\"video_chunk\",\"input\":{\"container\":\"mp4\",\"stream_index\":0,\"clock_start_us\":0,\"picture_shift_us\":0,\"grid\":{\"rate\":[25,1],\"segment_ms\":4000},\"rotation_degrees\":0,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"coded_height\":144,\"hold_last_picture_ms\":0},\"rungs\":[{\"id\":\"v144\",\"width\":256,\"height\":144,\"bit_rate_max_bps\":270000,\"buffer_bits\":405000,\"crf\":23,\"level_idc\":12}],\"preset\":\"veryfast\",\"first_segment\":0,\"last_segment\":null,\"segments_max\":10800}',73728,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-42113df1c68b329dd11abd835241647f-86ce128d9a603dad-01',1795281832814615,1795281843102177);
INSERT INTO `encode_tasks` VALUES (0x01A1FF22CB6E76F08B0A165457187F12,0x01A1FF229E56729DA02096D5BA0FA6D4,2,0,'stills','{\"kind\":\"stills\",\"input\":{\"container\":\"mp4\",\"stream_index\":0,\"clock_start_us\":0,\"picture_shift_us\":0,\"grid\":{\"rate\":[25,1],\"segment_ms\":4000},\"rotation_degrees\":0,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"coded_height\":144,\"hold_last_picture_ms\":0},\"poster\":{\"width\":256,\"height\":144,\"at_ms\":500,\"candidates\":50},\"storyboard\":{\"tile_width\":160,\"tile_height\":90,\"columns\":3,\"rows\":1,\"interval_ms\":2000,\"tile_count\":3,\"duration_ms\":5000,\"key_frames_only\":false}}',50000,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-42113df1c68b329dd11abd835241647f-86ce128d9a603dad-01',1795281832814615,1795281847478621);
INSERT INTO `encode_tasks` VALUES (0x01A1FF2323387498BDE294A68F6851B5,0x01A1FF2308B975A1910CCF3DF3274E2A,0,0,'audio','{\"kind\":\"audio\",\"container\":\"mp4\",\"clock_start_us\":0,\"tracks\":[{\"rendition\":\"a0\",\"stream_index\":1,\"language\":\"und\",\"silence_after_ms\":0}],\"bit_rate_bps\":128000,\"grid\":{\"segment_ms\":4000},\"first_segment\":0,\"segments_max\":10800}',20000,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-b58f162cc989a26e9bded597b824c818-cf08a4db2cddc7d8-01',1795281855288160,1795281859690220);
INSERT INTO `encode_tasks` VALUES (0x01A1FF2323387498BDE294A7DC768095,0x01A1FF2308B975A1910CCF3DF3274E2A,1,0,'video_chunk','{\"kind\":\"video_chunk\",\"input\":{\"container\":\"mp4\",\"stream_index\":0,\"clock_start_us\":0,\"picture_shift_us\":0,\"grid\":{\"rate\":[25,1],\"segment_ms\":4000},\"rotation_degrees\":0,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"coded_height\":144,\"hold_last_picture_ms\":0},\"rungs\":[{\"id\":\"v144\",\"width\":256,\"height\":144,\"bit_rate_max_bps\":270000,\"buffer_bits\":405000,\"crf\":23,\"level_idc\":12}],\"preset\":\"veryfast\",\"first_segment\":0,\"last_segment\":null,\"segments_max\":10800}',73728,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-b58f162cc989a26e9bded597b824c818-cf08a4db2cddc7d8-01',1795281855288160,1795281861964727);
INSERT INTO `encode_tasks` VALUES (0x01A1FF2323387498BDE294A850EA13B9,0x01A1FF2308B975A1910CCF3DF3274E2A,2,0,'stills','{\"kind\":\"stills\",\"input\":{\"container\":\"mp4\",\"stream_index\":0,\"clock_start_us\":0,\"picture_shift_us\":0,\"grid\":{\"rate\":[25,1],\"segment_ms\":4000},\"rotation_degrees\":0,\"interlaced\":false,\"colour\":{\"matrix\":null,\"transfer\":null,\"primaries\":null},\"coded_height\":144,\"hold_last_picture_ms\":0},\"poster\":{\"width\":256,\"height\":144,\"at_ms\":500,\"candidates\":50},\"storyboard\":{\"tile_width\":160,\"tile_height\":90,\"columns\":3,\"rows\":1,\"interval_ms\":2000,\"tile_count\":3,\"duration_ms\":5000,\"key_frames_only\":false}}',50000,'done',1,0,0,'01a1ff22-938a-751e-b9ae-c30a69428df8/0',0,0,1,NULL,'00-b58f162cc989a26e9bded597b824c818-cf08a4db2cddc7d8-01',1795281855288160,1795281864661141);
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
INSERT INTO `jobs` VALUES (0x01A1FF229A42770AAB3CEE82A5011978,'media.sweep','recurring','null','','queued',1795282720404002,0,20,NULL,NULL,1795281820226762,1795281820404046);
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
) ENGINE=InnoDB AUTO_INCREMENT=25 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
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
INSERT INTO `outbox_lease` VALUES ('catalog',0x01A1FF22993370EAAC8E317CB27F007B,0);
INSERT INTO `outbox_lease` VALUES ('playback',0x01A1FF22993370EAAC8E317CB27F007B,0);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `renditions` (
  `video_id` binary(16) NOT NULL,
  `id` varchar(16) NOT NULL,
  `position` int(11) NOT NULL,
  `kind` varchar(16) NOT NULL,
  `codec` varchar(64) NOT NULL,
  `width` int(11) NOT NULL,
  `height` int(11) NOT NULL,
  `frame_rate` double NOT NULL,
  `bandwidth_bps` bigint(20) NOT NULL,
  `average_bandwidth_bps` bigint(20) NOT NULL,
  `language` varchar(40) NOT NULL,
  `name` varchar(200) NOT NULL,
  `channels` int(11) NOT NULL,
  `sample_rate` int(11) NOT NULL,
  `timescale` int(11) NOT NULL,
  `segments_total` int(11) NOT NULL,
  `init_bytes` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`video_id`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `renditions` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'a0',1,'audio','mp4a.40.2',0,0,0,122105,119519,'und','Audio 1',2,48000,48000,2,631);
INSERT INTO `renditions` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'v144',0,'video','avc1.64000C',256,144,25,219656,198783,'','',0,0,25000,2,720);
INSERT INTO `renditions` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'a0',1,'audio','mp4a.40.2',0,0,0,122105,119519,'und','Audio 1',2,48000,48000,2,631);
INSERT INTO `renditions` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'v144',0,'video','avc1.64000C',256,144,25,219656,198783,'','',0,0,25000,2,720);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `seaql_migrations` (
  `version` varchar(255) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `seaql_migrations` VALUES ('chassis_0001_outbox',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0002_outbox_by_consumer',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0003_outbox_by_next_attempt',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0004_outbox_lease',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0005_inbox',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0006_inbox_by_time',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0007_jobs',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0008_jobs_dedup',1795281816);
INSERT INTO `seaql_migrations` VALUES ('chassis_0009_jobs_due',1795281817);
INSERT INTO `seaql_migrations` VALUES ('chassis_0010_jobs_by_state',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0001_create_assets',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0002_index_assets_by_images_token',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0003_create_uploads',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0004_index_uploads_by_owner',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0005_index_uploads_by_expiry',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0006_index_uploads_by_video',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0007_create_renditions',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0008_create_segments',1795281817);
INSERT INTO `seaql_migrations` VALUES ('media_0009_create_encode_tasks',1795281818);
INSERT INTO `seaql_migrations` VALUES ('media_0010_index_encode_tasks_by_state',1795281818);
INSERT INTO `seaql_migrations` VALUES ('media_0011_index_encode_tasks_by_video',1795281818);
INSERT INTO `seaql_migrations` VALUES ('media_0012_index_encode_tasks_by_encoder',1795281818);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `segments` (
  `video_id` binary(16) NOT NULL,
  `rendition_id` varchar(16) NOT NULL,
  `number` int(11) NOT NULL,
  `start_ticks` bigint(20) NOT NULL,
  `duration_ticks` bigint(20) NOT NULL,
  `bytes` bigint(20) NOT NULL,
  `created_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`video_id`,`rendition_id`,`number`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `segments` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'a0',0,0,192512,61215,1795281838798662);
INSERT INTO `segments` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'a0',1,192512,48128,13683,1795281838902422);
INSERT INTO `segments` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'v144',0,0,100000,96782,1795281842033966);
INSERT INTO `segments` VALUES (0x01A1FF229E56729DA02096D5BA0FA6D4,'v144',1,100000,25000,27457,1795281842850314);
INSERT INTO `segments` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'a0',0,0,192512,61215,1795281859387070);
INSERT INTO `segments` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'a0',1,192512,48128,13683,1795281859541874);
INSERT INTO `segments` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'v144',0,0,100000,96782,1795281861641908);
INSERT INTO `segments` VALUES (0x01A1FF2308B975A1910CCF3DF3274E2A,'v144',1,100000,25000,27457,1795281861713926);
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `uploads` (
  `id` binary(16) NOT NULL,
  `video_id` binary(16) NOT NULL,
  `owner_id` binary(16) NOT NULL,
  `state` varchar(16) NOT NULL,
  `refusal` varchar(1000) DEFAULT NULL,
  `length` bigint(20) DEFAULT NULL,
  `received` bigint(20) NOT NULL,
  `metadata` text NOT NULL,
  `expires_at_us` bigint(20) NOT NULL,
  `traceparent` varchar(64) DEFAULT NULL,
  `created_at_us` bigint(20) NOT NULL,
  `updated_at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_uploads_owner` (`owner_id`,`state`),
  KEY `ix_uploads_expiry` (`expires_at_us`),
  KEY `ix_uploads_video` (`video_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `uploads` VALUES (0x01A1FF229E7F77B9826AA2D426868488,0x01A1FF229E56729DA02096D5BA0FA6D4,0x01A1FF229C0272D88F7BA93A9299063E,'complete',NULL,359049,359049,'filename Y2xpcC5tcDQ=,title VGhlIGhhcmJvdXI=,visibility cHVibGlj',1795368221650918,'00-2adc7e6ed18af19bbdc12264d51e057a-f4b55975ccbb58c2-01',1795281821328069,1795281821722638);
INSERT INTO `uploads` VALUES (0x01A1FF2308CA7580948C4C683FB145CC,0x01A1FF2308B975A1910CCF3DF3274E2A,0x01A1FF229C0272D88F7BA93A9299063E,'complete',NULL,359049,359049,'filename Y2xpcC5tcDQ=,title Tm90IGZvciBldmVyeWJvZHk=,visibility cHJpdmF0ZQ==',1795368249078231,'00-459b2d855f12a16019b1a8ca51011237-87083186e6defb32-01',1795281848551049,1795281849119969);
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
