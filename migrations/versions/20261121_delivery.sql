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
