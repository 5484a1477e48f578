-- A database of revision 0008 with data, as `.dump` of the sqlite3 shell tells it. It is never to be changed.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE campaign_attempts (
	job INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	test INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	begun FLOAT NOT NULL, 
	targets JSON NOT NULL, 
	recipe_set INTEGER, 
	error TEXT, 
	ended FLOAT, 
	passed INTEGER DEFAULT '0' NOT NULL, 
	failed INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_campaign_attempts PRIMARY KEY (job, run, test, attempt), 
	CONSTRAINT fk_campaign_attempts_job FOREIGN KEY(job) REFERENCES campaigns (job), 
	CONSTRAINT fk_campaign_attempts_recipe_set FOREIGN KEY(recipe_set) REFERENCES recipe_sets (id)
);
INSERT INTO "campaign_attempts" VALUES(11,1,1,0,1790000020.0,'[]',NULL,'no system was free',1790000020.5,0,1);
INSERT INTO "campaign_attempts" VALUES(11,1,1,1,1790000021.0,'[{"id": "bench-2", "fqdn": "", "ipv4": "", "ipv6": "", "state": null}]',12,NULL,NULL,0,0);
CREATE TABLE campaign_reports (
	job INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	reporter VARCHAR(32) NOT NULL, 
	time FLOAT NOT NULL, 
	success BOOLEAN NOT NULL, 
	data JSON, 
	CONSTRAINT pk_campaign_reports PRIMARY KEY (job, run, place), 
	CONSTRAINT fk_campaign_reports_job FOREIGN KEY(job) REFERENCES campaigns (job)
);
INSERT INTO "campaign_reports" VALUES(11,1,0,'targetsuccess',1790000025.0,0,'["0 of 1 does not pass"]');
CREATE TABLE campaign_runs (
	job INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	started FLOAT NOT NULL, 
	CONSTRAINT pk_campaign_runs PRIMARY KEY (job, run), 
	CONSTRAINT fk_campaign_runs_job FOREIGN KEY(job) REFERENCES campaigns (job)
);
INSERT INTO "campaign_runs" VALUES(11,1,1790000020.0);
CREATE TABLE campaigns (
	job INTEGER NOT NULL, 
	"plan" JSON NOT NULL, 
	run INTEGER NOT NULL, 
	test INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	due FLOAT, 
	recipe_set INTEGER, 
	"end" VARCHAR(16), 
	error TEXT, 
	CONSTRAINT pk_campaigns PRIMARY KEY (job), 
	CONSTRAINT fk_campaigns_job FOREIGN KEY(job) REFERENCES jobs (id), 
	CONSTRAINT fk_campaigns_recipe_set FOREIGN KEY(recipe_set) REFERENCES recipe_sets (id)
);
INSERT INTO "campaigns" VALUES(11,'{"tests": [{"name": "smoke", "targets": {"targets": [{"id": "bench-2", "fqdn": "", "ipv4": "", "ipv6": "", "state": null}]}, "steps": [{"kind": "cmd", "label": "h\u00f6he", "params": {"executable": ["true"]}}], "disabled": false, "retries": 1, "retry_interval": 0.0}], "run_reporters": [{"kind": "targetsuccess", "criterion": ">=50%"}], "final_reporters": [], "runs": 2, "run_interval": 0.0, "acquire_timeout": 300.0, "requestor": "ann", "tags": ["nightly"]}',1,1,1,NULL,12,NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	time FLOAT NOT NULL, 
	topic VARCHAR(16) NOT NULL, 
	job INTEGER, 
	data JSON NOT NULL
);
INSERT INTO "events" VALUES(10,1790000001.0,'job',1,'{"id": 1, "status": "Queued", "result": "New", "settled": false}');
INSERT INTO "events" VALUES(20,1790000002.0,'system',NULL,'{"name": "bench-1", "state": "running", "health": "good", "recipe": 7}');
INSERT INTO "events" VALUES(30,1790000003.0,'result',5,'{"id": 10, "job": 5, "recipe": 7, "task": 8, "path": "/ok", "result": "Pass"}');
CREATE TABLE gateways (
	id VARCHAR(64) NOT NULL, 
	sequence INTEGER NOT NULL, 
	seen FLOAT NOT NULL, 
	CONSTRAINT pk_gateways PRIMARY KEY (id)
);
INSERT INTO "gateways" VALUES('0123456789abcdef',4,1790000040.0);
CREATE TABLE id_sequence (
	last INTEGER NOT NULL
);
INSERT INTO "id_sequence" VALUES(15);
CREATE TABLE "idempotency" (
	scope VARCHAR(300) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	request VARCHAR(64) NOT NULL, 
	made INTEGER NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_idempotency PRIMARY KEY (scope, "key")
);
INSERT INTO "idempotency" VALUES('user ann','k1','9999999999999999999999999999999999999999999999999999999999999999',1,1790000000.0);
INSERT INTO "idempotency" VALUES('recipe 7','k2','8888888888888888888888888888888888888888888888888888888888888888',10,1790000000.0);
CREATE TABLE job_documents (
	job INTEGER NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_job_documents PRIMARY KEY (job), 
	CONSTRAINT fk_job_documents_job FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "job_documents" VALUES(5,'application/x-yaml','job_name: ünfinished
');
CREATE TABLE job_secrets (
	job INTEGER NOT NULL, 
	secrets JSON NOT NULL, 
	CONSTRAINT pk_job_secrets PRIMARY KEY (job), 
	CONSTRAINT fk_job_secrets_job FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "job_secrets" VALUES(5,'["hush"]');
CREATE TABLE job_tags (
	job INTEGER NOT NULL, 
	tag VARCHAR(255) NOT NULL, 
	CONSTRAINT pk_job_tags PRIMARY KEY (job, tag), 
	CONSTRAINT fk_job_tags_job FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "job_tags" VALUES(11,'nightly');
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(255) NOT NULL, 
	visibility VARCHAR(16) NOT NULL, 
	priority INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	cancelling BOOLEAN NOT NULL, 
	settled BOOLEAN NOT NULL, 
	result VARCHAR(8) NOT NULL, 
	verdict VARCHAR(16), 
	submitted FLOAT NOT NULL, 
	started FLOAT, 
	finished FLOAT, 
	retry_of INTEGER, warnings JSON DEFAULT '[]' NOT NULL, reason TEXT, campaign BOOLEAN DEFAULT '0' NOT NULL, metadata JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT fk_jobs_retry_of FOREIGN KEY(retry_of) REFERENCES jobs (id)
);
INSERT INTO "jobs" VALUES(1,'finished','ann','private',50,'Completed',0,1,'Fail','fail',1790000000.0,1790000001.0,1790000009.0,NULL,'["<x/> has no effect"]','1 Fail: /boot',0,'{"build": {"id": "b7"}, "höhe": [1, 2.5, null]}');
INSERT INTO "jobs" VALUES(5,'ünfinished','admin','public',90,'Running',0,0,'Pass',NULL,1790000010.0,1790000011.0,NULL,NULL,'[]',NULL,0,'{}');
INSERT INTO "jobs" VALUES(11,'again','ann','private',50,'Running',0,0,'New',NULL,1790000020.0,1790000020.0,NULL,1,'[]',NULL,1,'{}');
CREATE TABLE lab (
	health VARCHAR(16) NOT NULL, 
	description TEXT NOT NULL, 
	most_recipes INTEGER
);
INSERT INTO "lab" VALUES('active','öffen',4);
CREATE TABLE logs (
	recipe INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	task INTEGER, 
	result INTEGER, 
	registered FLOAT NOT NULL, 
	size INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	declared_size INTEGER, 
	declared_sha256 VARCHAR(64), 
	sha256 VARCHAR(64), 
	lines INTEGER, 
	offsets BLOB, 
	format VARCHAR(32), 
	marks JSON NOT NULL, request VARCHAR(64), 
	CONSTRAINT pk_logs PRIMARY KEY (recipe, path), 
	CONSTRAINT fk_logs_recipe FOREIGN KEY(recipe) REFERENCES recipes (id), 
	CONSTRAINT fk_logs_task FOREIGN KEY(task) REFERENCES tasks (id)
);
INSERT INTO "logs" VALUES(3,'tasks/4/logs/console.log',4,NULL,1790000002.0,1234,'finished',NULL,NULL,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',20,X'010002FF','console','[["panic", 17, "Kernel panic"]]',NULL);
INSERT INTO "logs" VALUES(3,'logs/whole.bin',NULL,NULL,1790000002.0,10,'damaged',11,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','0000000000000000000000000000000000000000000000000000000000000000',0,NULL,NULL,'[]',NULL);
INSERT INTO "logs" VALUES(7,'tasks/8/results/10/logs/r.txt',8,10,1790000012.0,3,'growing',NULL,NULL,NULL,NULL,NULL,NULL,'[]','b2f0c1d4-0007');
CREATE TABLE port_waits (
	task INTEGER NOT NULL, 
	recipe INTEGER NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	port INTEGER NOT NULL, 
	protocol VARCHAR(8) NOT NULL, 
	timeout FLOAT, 
	interval FLOAT NOT NULL, 
	due FLOAT, 
	CONSTRAINT pk_port_waits PRIMARY KEY (task), 
	CONSTRAINT fk_port_waits_task FOREIGN KEY(task) REFERENCES tasks (id), 
	CONSTRAINT fk_port_waits_recipe FOREIGN KEY(recipe) REFERENCES recipes (id)
);
INSERT INTO "port_waits" VALUES(9,7,'192.0.2.1',22,'tcp',NULL,5.0,NULL);
CREATE TABLE recipe_keys (
	id INTEGER NOT NULL, 
	recipe INTEGER NOT NULL, 
	bearer VARCHAR(40) NOT NULL, 
	basic VARCHAR(40) NOT NULL, 
	created FLOAT NOT NULL, claimed BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_recipe_keys PRIMARY KEY (id), 
	CONSTRAINT fk_recipe_keys_recipe FOREIGN KEY(recipe) REFERENCES recipes (id)
);
INSERT INTO "recipe_keys" VALUES(1,3,'1111111111111111111111111111111111111111','2222222222222222222222222222222222222222',1790000001.0,1);
INSERT INTO "recipe_keys" VALUES(2,7,'3333333333333333333333333333333333333333','4444444444444444444444444444444444444444',1790000011.0,0);
CREATE TABLE recipe_sets (
	id INTEGER NOT NULL, 
	job INTEGER NOT NULL, 
	stage INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, version INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_recipe_sets PRIMARY KEY (id), 
	CONSTRAINT fk_recipe_sets_job FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "recipe_sets" VALUES(2,1,0,'Completed',6);
INSERT INTO "recipe_sets" VALUES(6,5,0,'Running',18);
INSERT INTO "recipe_sets" VALUES(12,11,0,'Queued',36);
CREATE TABLE recipes (
	id INTEGER NOT NULL, 
	job INTEGER NOT NULL, 
	recipe_set INTEGER NOT NULL, 
	system VARCHAR(255), 
	wanted_system VARCHAR(255), 
	requires JSON NOT NULL, 
	role VARCHAR(255), 
	status VARCHAR(16) NOT NULL, 
	cancelling BOOLEAN NOT NULL, 
	settled BOOLEAN NOT NULL, 
	late BOOLEAN NOT NULL, 
	result VARCHAR(8) NOT NULL, 
	reason TEXT, 
	watchdog FLOAT, 
	max_seconds INTEGER, 
	stop_on_fail BOOLEAN NOT NULL, 
	assigned FLOAT, 
	started FLOAT, 
	finished FLOAT, 
	closes FLOAT, install_started FLOAT, install_finished FLOAT, postinstall_finished FLOAT, waits_until FLOAT, waits_for VARCHAR(255), damaged INTEGER DEFAULT '0' NOT NULL, taken FLOAT, archive_secret VARCHAR(64), cause VARCHAR(16), reported INTEGER DEFAULT '0' NOT NULL, log_bytes INTEGER DEFAULT '0' NOT NULL, log_count INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_recipes PRIMARY KEY (id), 
	CONSTRAINT fk_recipes_job FOREIGN KEY(job) REFERENCES jobs (id), 
	CONSTRAINT fk_recipes_recipe_set FOREIGN KEY(recipe_set) REFERENCES recipe_sets (id)
);
INSERT INTO "recipes" VALUES(3,1,2,'bench-1',NULL,'{"type": null, "tags": ["x86"]}',NULL,'Completed',0,1,1,'Fail',NULL,NULL,600,0,1790000001.0,1790000001.0,1790000009.0,1790000009.0,1790000001.0,1790000002.0,1790000003.0,NULL,NULL,1,1790000001.5,NULL,'admin',0,1244,1);
INSERT INTO "recipes" VALUES(7,5,6,'bench-1','bench-1','{"type": null, "tags": ["x86"]}','server','Running',0,0,0,'Pass',NULL,2105360000.0,NULL,1,1790000011.0,1790000011.0,NULL,NULL,NULL,NULL,NULL,1790000400.0,'ready',0,1790000011.0,'s3cret','watchdog',1,3,1);
INSERT INTO "recipes" VALUES(13,11,12,NULL,'bench-2','{"type": null, "tags": ["x86"]}',NULL,'Queued',0,0,0,'New',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,0);
CREATE TABLE results (
	id INTEGER NOT NULL, 
	recipe INTEGER NOT NULL, 
	task INTEGER, 
	path TEXT, 
	result VARCHAR(8) NOT NULL, 
	score INTEGER, 
	message TEXT, 
	source VARCHAR(16) NOT NULL, 
	log TEXT, 
	line INTEGER, 
	time FLOAT NOT NULL, measurement FLOAT, units VARCHAR(255), 
	CONSTRAINT pk_results PRIMARY KEY (id), 
	CONSTRAINT fk_results_recipe FOREIGN KEY(recipe) REFERENCES recipes (id), 
	CONSTRAINT fk_results_task FOREIGN KEY(task) REFERENCES tasks (id)
);
INSERT INTO "results" VALUES(10,7,8,'/ok','Pass',7,NULL,'harness',NULL,NULL,1790000012.0,NULL,NULL);
INSERT INTO "results" VALUES(15,3,4,'/boot','Fail',NULL,'it''s "broken"','log','tasks/4/logs/console.log',17,1790000008.0,12.5,'MB/s');
CREATE TABLE sync_states (
	recipe INTEGER NOT NULL, 
	state VARCHAR(255) NOT NULL, 
	body TEXT, 
	time FLOAT NOT NULL, 
	CONSTRAINT pk_sync_states PRIMARY KEY (recipe, state), 
	CONSTRAINT fk_sync_states_recipe FOREIGN KEY(recipe) REFERENCES recipes (id)
);
INSERT INTO "sync_states" VALUES(7,'up/1','{"port": 80}',1790000013.0);
CREATE TABLE systems (
	name VARCHAR(255) NOT NULL, 
	type VARCHAR(255), 
	tags JSON NOT NULL, 
	address VARCHAR(64), 
	health VARCHAR(16) NOT NULL, 
	reason TEXT, 
	recipe INTEGER, 
	last_seen FLOAT, 
	claimed_until FLOAT, 
	key_hash VARCHAR(64), last_recipe INTEGER, description TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_systems PRIMARY KEY (name)
);
INSERT INTO "systems" VALUES('bench-1','arm','["x86", "böse"]','192.0.2.1','good',NULL,7,1790000090.0,1790000100.0,'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',7,'in the rack at the window');
INSERT INTO "systems" VALUES('bench-2',NULL,'[]',NULL,'bad','no fan',NULL,NULL,NULL,NULL,NULL,'');
CREATE TABLE tasks (
	id INTEGER NOT NULL, 
	recipe INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	role VARCHAR(255), 
	params JSON NOT NULL, 
	command JSON, 
	script TEXT, 
	fetch TEXT, 
	status VARCHAR(16) NOT NULL, 
	result VARCHAR(8) NOT NULL, 
	version TEXT, 
	started FLOAT, 
	finished FLOAT, 
	closes FLOAT, reported_name TEXT, later BOOLEAN DEFAULT '0' NOT NULL, lost BOOLEAN DEFAULT '0' NOT NULL, live BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_tasks PRIMARY KEY (id), 
	CONSTRAINT fk_tasks_recipe FOREIGN KEY(recipe) REFERENCES recipes (id)
);
INSERT INTO "tasks" VALUES(4,3,'boot','client','{"A": "1"}','["true"]',NULL,NULL,'Completed','Fail','1-2',1790000001.0,1790000008.0,1790000008.0,NULL,0,1,0);
INSERT INTO "tasks" VALUES(8,7,'first',NULL,'{}',NULL,'echo 1
',NULL,'Completed','Pass',NULL,1790000011.0,1790000012.0,1790000012.0,'first one',0,0,0);
INSERT INTO "tasks" VALUES(9,7,'second',NULL,'{}',NULL,NULL,'http://tasks.example/2.tar.gz','Running','New',NULL,1790000012.0,NULL,NULL,NULL,0,0,1);
INSERT INTO "tasks" VALUES(14,13,'boot',NULL,'{}','["true"]',NULL,NULL,'Waiting','New',NULL,NULL,NULL,NULL,NULL,1,0,0);
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	user VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	scopes JSON NOT NULL, 
	created FLOAT NOT NULL, 
	expires FLOAT, 
	revoked FLOAT, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_hash UNIQUE (hash)
);
INSERT INTO "tokens" VALUES(1,'admin','admin.token','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','["admin", "read", "submit"]',1790000000.0,NULL,NULL);
INSERT INTO "tokens" VALUES(2,'ann','ci','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','["read"]',1790000000.0,2105360000.0,NULL);
INSERT INTO "tokens" VALUES(3,'ann','old','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','["submit"]',1790000000.0,NULL,1790000005.0);
CREATE TABLE workers (
	name VARCHAR(255) NOT NULL, 
	password_md5 VARCHAR(32) NOT NULL, 
	"detach" BOOLEAN DEFAULT '0' NOT NULL, 
	shutdown BOOLEAN DEFAULT '0' NOT NULL, 
	gateway VARCHAR(64), 
	version VARCHAR(255), 
	address VARCHAR(255), 
	connected FLOAT, 
	heard FLOAT, 
	in_hand INTEGER, 
	leaving BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (name), 
	CONSTRAINT fk_workers_name FOREIGN KEY(name) REFERENCES systems (name) ON DELETE CASCADE
);
INSERT INTO "workers" VALUES('bench-1','0cc175b9c0f1b6a831c399e269772661',1,0,'0123456789abcdef','4.3.0','192.0.2.1',1790000010.0,1790000039.0,7,0);
CREATE INDEX ix_events_topic_id ON events (topic, id);
CREATE INDEX ix_jobs_owner ON jobs (owner);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_recipe_sets_job ON recipe_sets (job);
CREATE INDEX ix_recipes_job ON recipes (job);
CREATE INDEX ix_recipes_late ON recipes (late);
CREATE INDEX ix_recipes_recipe_set ON recipes (recipe_set);
CREATE INDEX ix_recipes_settled ON recipes (settled);
CREATE INDEX ix_recipes_status ON recipes (status);
CREATE INDEX ix_recipes_watchdog ON recipes (watchdog);
CREATE INDEX ix_recipe_keys_recipe ON recipe_keys (recipe);
CREATE INDEX ix_tasks_recipe ON tasks (recipe);
CREATE INDEX ix_logs_task ON logs (task);
CREATE INDEX ix_results_recipe_id ON results (recipe, id);
CREATE INDEX ix_results_recipe_log ON results (recipe, log);
CREATE INDEX ix_results_task ON results (task);
CREATE INDEX ix_recipes_finished ON recipes (finished);
CREATE INDEX ix_idempotency_created ON idempotency (created);
CREATE INDEX ix_results_recipe_source ON results (recipe, source, task, result);
CREATE INDEX ix_jobs_settled ON jobs (settled);
CREATE INDEX ix_job_tags_tag_job ON job_tags (tag, job);
CREATE INDEX ix_campaigns_due ON campaigns (due);
CREATE INDEX ix_campaign_attempts_recipe_set ON campaign_attempts (recipe_set);
CREATE INDEX ix_port_waits_due ON port_waits (due);
CREATE INDEX ix_port_waits_recipe ON port_waits (recipe);
CREATE INDEX ix_logs_awaited ON logs (recipe) WHERE state = 'growing' AND (declared_size IS NOT NULL OR declared_sha256 IS NOT NULL);
CREATE INDEX ix_recipes_status_wanted_system ON recipes (status, wanted_system);
CREATE INDEX ix_recipes_settled_closes ON recipes (settled, closes);
CREATE INDEX ix_recipes_damaged ON recipes (damaged) WHERE damaged > 0;
CREATE TRIGGER tr_jobs_update AFTER UPDATE OF name, owner ON jobs WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE job = NEW.id; END;
CREATE TRIGGER tr_recipes_insert AFTER INSERT ON recipes WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = NEW.recipe_set; END;
CREATE TRIGGER tr_recipes_delete AFTER DELETE ON recipes WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = OLD.recipe_set; END;
CREATE TRIGGER tr_recipes_update AFTER UPDATE OF system, wanted_system, requires, role, status, cancelling, settled, late, damaged, result, reason, cause, max_seconds, stop_on_fail, assigned, archive_secret, started, finished, install_started, install_finished, postinstall_finished ON recipes WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = NEW.recipe_set; END;
CREATE TRIGGER tr_tasks_insert AFTER INSERT ON tasks WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
CREATE TRIGGER tr_tasks_delete AFTER DELETE ON tasks WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = OLD.recipe); END;
CREATE TRIGGER tr_tasks_update AFTER UPDATE OF name, reported_name, role, params, command, script, fetch, later, status, result, version, started, finished ON tasks WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
CREATE TRIGGER tr_logs_insert AFTER INSERT ON logs WHEN true BEGIN UPDATE recipes SET log_bytes = log_bytes + NEW.size, log_count = log_count + (NEW.task IS NOT NULL) WHERE id = NEW.recipe; UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
CREATE TRIGGER tr_logs_delete AFTER DELETE ON logs WHEN true BEGIN UPDATE recipes SET log_bytes = log_bytes - OLD.size, log_count = log_count - (OLD.task IS NOT NULL) WHERE id = OLD.recipe; UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = OLD.recipe); END;
CREATE TRIGGER tr_logs_update AFTER UPDATE OF path, task, result ON logs WHEN true BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
CREATE TRIGGER tr_logs_size AFTER UPDATE OF size ON logs WHEN OLD.size <> NEW.size BEGIN UPDATE recipes SET log_bytes = log_bytes + NEW.size - OLD.size WHERE id = NEW.recipe; END;
CREATE TRIGGER tr_results_insert AFTER INSERT ON results WHEN NEW.source = 'harness' BEGIN UPDATE recipes SET reported = reported + 1 WHERE id = NEW.recipe; UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
CREATE TRIGGER tr_results_delete AFTER DELETE ON results WHEN OLD.source = 'harness' BEGIN UPDATE recipes SET reported = reported - 1 WHERE id = OLD.recipe; UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = OLD.recipe); END;
CREATE TRIGGER tr_results_update AFTER UPDATE OF task, path, result, score, message, source, time ON results WHEN 'harness' IN (OLD.source, NEW.source) BEGIN UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = NEW.recipe); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',30);
COMMIT;
