CREATE TABLE provider_notice (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	notice_key VARCHAR(64) NOT NULL, 
	url TEXT NOT NULL, 
	raw BYTEA NOT NULL, 
	headers JSONB NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	processed_at TIMESTAMP WITH TIME ZONE, 
	summary VARCHAR(120) NOT NULL, 
	error VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_provider_notice UNIQUE (clinic_id, provider, account_id, notice_key), 
	CONSTRAINT ck_provider_notice_status CHECK (status in ('RECEIVED', 'PROCESSED', 'IGNORED', 'WAITING', 'PARKED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_provider_notice_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_provider_notice_kept ON provider_notice (created_at) WHERE raw <> ''::bytea;

-- statement

CREATE INDEX ix_provider_notice_time ON provider_notice (clinic_id, created_at);

-- statement

CREATE INDEX ix_provider_notice_due ON provider_notice (next_at) WHERE status in ('RECEIVED', 'WAITING');

-- statement

alter table "provider_notice" enable row level security;

-- statement

alter table "provider_notice" force row level security;

-- statement

create policy clinic_wall on "provider_notice" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "provider_notice" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE device_token (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	patient_id UUID, 
	platform VARCHAR(10) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	token TEXT NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_device_token UNIQUE (clinic_id, token_hash), 
	CONSTRAINT ck_device_token_platform CHECK (platform in ('ANDROID', 'IOS', 'WEB')), 
	CONSTRAINT ck_device_token_kind CHECK (kind in ('TOKEN', 'FID')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_device_token_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_device_token_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_device_token_user ON device_token (clinic_id, user_id);

-- statement

CREATE INDEX ix_device_token_patient_id ON device_token (clinic_id, patient_id);

-- statement

do $$ begin if to_regprocedure('resolve_merged_patient()') is not null then create trigger device_token_patient before insert on device_token for each row when (new.patient_id is not null) execute function resolve_merged_patient(); end if; end $$;

-- statement

alter table "device_token" enable row level security;

-- statement

alter table "device_token" force row level security;

-- statement

create policy clinic_wall on "device_token" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "device_token" to clinic_console_system using (true) with check (true);
