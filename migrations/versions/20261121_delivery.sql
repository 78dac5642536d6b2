CREATE TABLE suppressed_address (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	masked VARCHAR(80) NOT NULL, 
	reason VARCHAR(20) NOT NULL, 
	source VARCHAR(80) NOT NULL, 
	soft_failures INTEGER NOT NULL, 
	since TIMESTAMP WITH TIME ZONE, 
	until TIMESTAMP WITH TIME ZONE, 
	cleared_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_suppressed_address UNIQUE (clinic_id, channel, address_hash), 
	CONSTRAINT ck_suppressed_address_channel CHECK (channel in ('email', 'whatsapp', 'sms', 'push', 'in_app')), 
	CONSTRAINT ck_suppressed_address_reason CHECK (reason in ('BOUNCED', 'COMPLAINED', 'OPTED_OUT', 'INVALID', 'UNREACHABLE', 'MANUAL')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_suppressed_address_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_suppressed_address_time ON suppressed_address (clinic_id, created_at);

-- statement

alter table "suppressed_address" enable row level security;

-- statement

alter table "suppressed_address" force row level security;

-- statement

create policy clinic_wall on "suppressed_address" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "suppressed_address" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE communication_rules (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	values JSONB NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_communication_rules UNIQUE (clinic_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_communication_rules_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "communication_rules" enable row level security;

-- statement

alter table "communication_rules" force row level security;

-- statement

create policy clinic_wall on "communication_rules" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "communication_rules" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE message_preference (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID, 
	user_id UUID, 
	muted JSONB NOT NULL, 
	quiet_from TIME WITHOUT TIME ZONE, 
	quiet_until TIME WITHOUT TIME ZONE, 
	zone VARCHAR(64), 
	digest BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_message_preference_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_message_preference_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_message_preference_patient ON message_preference (clinic_id, patient_id) WHERE patient_id is not null;

-- statement

CREATE INDEX ix_message_preference_patient_id ON message_preference (clinic_id, patient_id);

-- statement

CREATE UNIQUE INDEX uq_message_preference_user ON message_preference (clinic_id, user_id) WHERE user_id is not null;

-- statement

alter table "message_preference" enable row level security;

-- statement

alter table "message_preference" force row level security;

-- statement

create policy clinic_wall on "message_preference" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "message_preference" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE message_spend (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	day DATE NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	messages INTEGER NOT NULL, 
	cost_micros BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_message_spend UNIQUE (clinic_id, day, channel), 
	CONSTRAINT ck_message_spend_channel CHECK (channel in ('email', 'whatsapp', 'sms', 'push', 'in_app')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_message_spend_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "message_spend" enable row level security;

-- statement

alter table "message_spend" force row level security;

-- statement

create policy clinic_wall on "message_spend" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "message_spend" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE clinic_template (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	language VARCHAR(5) NOT NULL, 
	version INTEGER NOT NULL, 
	current BOOLEAN NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	body TEXT NOT NULL, 
	approved JSONB NOT NULL, 
	positions JSONB NOT NULL, 
	made_by_id UUID, 
	broken_at TIMESTAMP WITH TIME ZONE, 
	broken_why VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_clinic_template_version UNIQUE (clinic_id, name, channel, language, version), 
	CONSTRAINT ck_clinic_template_channel CHECK (channel in ('email', 'whatsapp', 'sms', 'push', 'in_app')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_clinic_template_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_clinic_template_current ON clinic_template (clinic_id, name, channel, language) WHERE current;

-- statement

alter table "clinic_template" enable row level security;

-- statement

alter table "clinic_template" force row level security;

-- statement

create policy clinic_wall on "clinic_template" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "clinic_template" to clinic_console_system using (true) with check (true);

-- statement

create trigger message_preference_patient before insert on message_preference for each row when (new.patient_id is not null) execute function resolve_merged_patient();
