CREATE TABLE safe_count (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	expected_minor BIGINT NOT NULL, 
	counted_minor BIGINT NOT NULL, 
	pieces JSONB NOT NULL, 
	reason VARCHAR(300) NOT NULL, 
	counted_by_id UUID NOT NULL, 
	decided_by_id UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	decision_note VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_safe_count_status CHECK (status in ('COUNTED', 'BOOKED', 'REJECTED', 'WITHDRAWN')), 
	CONSTRAINT ck_safe_count_counted CHECK (counted_minor >= 0), 
	CONSTRAINT ck_safe_count_second_person CHECK (decided_by_id is null or decided_by_id <> counted_by_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_safe_count_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_safe_count_waiting ON safe_count (clinic_id, currency) WHERE status = 'COUNTED';

-- statement

CREATE INDEX ix_safe_count_time ON safe_count (clinic_id, created_at, id);

-- statement

alter table "safe_count" enable row level security;

-- statement

alter table "safe_count" force row level security;

-- statement

create policy clinic_wall on "safe_count" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "safe_count" to clinic_console_system using (true) with check (true);
