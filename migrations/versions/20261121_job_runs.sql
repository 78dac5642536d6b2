CREATE TABLE webhook_endpoint (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	url VARCHAR(500) NOT NULL, 
	patterns JSONB NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	disabled_reason VARCHAR(200) NOT NULL, 
	secret TEXT NOT NULL, 
	previous_secret TEXT, 
	previous_until TIMESTAMP WITH TIME ZONE, 
	failing_since TIMESTAMP WITH TIME ZONE, 
	failures INTEGER NOT NULL, 
	rests_until TIMESTAMP WITH TIME ZONE, 
	taken_until TIMESTAMP WITH TIME ZONE, 
	last_success_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_webhook_endpoint_name UNIQUE (clinic_id, name), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_webhook_endpoint_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "webhook_endpoint" enable row level security;

-- statement

alter table "webhook_endpoint" force row level security;

-- statement

create policy clinic_wall on "webhook_endpoint" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "webhook_endpoint" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE job_run (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	options JSONB NOT NULL, 
	total_count INTEGER NOT NULL, 
	done_count INTEGER NOT NULL, 
	failed_count INTEGER NOT NULL, 
	cancel_wanted BOOLEAN NOT NULL, 
	requested_by_id UUID, 
	started_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	beat_at TIMESTAMP WITH TIME ZONE, 
	error VARCHAR(300) NOT NULL, 
	input_file_id UUID, 
	result_file_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_job_run_status CHECK (status in ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')), 
	CONSTRAINT ck_job_run_counts CHECK (0 <= done_count and 0 <= failed_count and done_count + failed_count <= total_count), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_job_run_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_job_run_input_file_id FOREIGN KEY(clinic_id, input_file_id) REFERENCES stored_file (clinic_id, id), 
	CONSTRAINT fk_job_run_result_file_id FOREIGN KEY(clinic_id, result_file_id) REFERENCES stored_file (clinic_id, id)
);

-- statement

CREATE INDEX ix_job_run_status ON job_run (clinic_id, status, created_at);

-- statement

CREATE INDEX ix_job_run_unfinished ON job_run (created_at) WHERE status in ('QUEUED', 'RUNNING');

-- statement

CREATE INDEX ix_job_run_result_file_id ON job_run (clinic_id, result_file_id);

-- statement

CREATE INDEX ix_job_run_input_file_id ON job_run (clinic_id, input_file_id);

-- statement

alter table "job_run" enable row level security;

-- statement

alter table "job_run" force row level security;

-- statement

create policy clinic_wall on "job_run" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "job_run" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE webhook_delivery (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	endpoint_id UUID NOT NULL, 
	event_id UUID, 
	event_type VARCHAR(80) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	answer_status INTEGER, 
	error VARCHAR(200) NOT NULL, 
	attempt_log JSONB NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_webhook_delivery_status CHECK (status in ('PENDING', 'DELIVERED', 'PARKED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_webhook_delivery_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_webhook_delivery_endpoint_id FOREIGN KEY(clinic_id, endpoint_id) REFERENCES webhook_endpoint (clinic_id, id), 
	CONSTRAINT fk_webhook_delivery_event_id FOREIGN KEY(clinic_id, event_id) REFERENCES event (clinic_id, id)
);

-- statement

CREATE INDEX ix_webhook_delivery_event_id ON webhook_delivery (clinic_id, event_id);

-- statement

CREATE INDEX ix_webhook_delivery_time ON webhook_delivery (clinic_id, created_at);

-- statement

CREATE INDEX ix_webhook_delivery_endpoint ON webhook_delivery (clinic_id, endpoint_id, status, next_at);

-- statement

CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (next_at) WHERE status = 'PENDING';

-- statement

alter table "webhook_delivery" enable row level security;

-- statement

alter table "webhook_delivery" force row level security;

-- statement

create policy clinic_wall on "webhook_delivery" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "webhook_delivery" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE job_problem (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	run_id UUID NOT NULL, 
	row INTEGER NOT NULL, 
	text VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_job_problem_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_job_problem_run_id FOREIGN KEY(clinic_id, run_id) REFERENCES job_run (clinic_id, id)
);

-- statement

CREATE INDEX ix_job_problem_run ON job_problem (clinic_id, run_id, row);

-- statement

alter table "job_problem" enable row level security;

-- statement

alter table "job_problem" force row level security;

-- statement

create policy clinic_wall on "job_problem" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "job_problem" to clinic_console_system using (true) with check (true);
