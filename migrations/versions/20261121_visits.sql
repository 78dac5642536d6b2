CREATE TABLE follow_up (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	after_id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_follow_up_other CHECK (appointment_id <> after_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_follow_up_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_follow_up_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_follow_up_after_id FOREIGN KEY(clinic_id, after_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_follow_up_after_id ON follow_up (clinic_id, after_id);

-- statement

CREATE UNIQUE INDEX ix_follow_up_appointment ON follow_up (clinic_id, appointment_id);

-- statement

alter table "follow_up" enable row level security;

-- statement

alter table "follow_up" force row level security;

-- statement

create policy clinic_wall on "follow_up" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "follow_up" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE appointment_reminder (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	hours INTEGER NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_appointment_reminder_hours CHECK (hours between 1 and 168), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_appointment_reminder_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_appointment_reminder_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX ix_appointment_reminder ON appointment_reminder (clinic_id, appointment_id, hours, starts_at);

-- statement

alter table "appointment_reminder" enable row level security;

-- statement

alter table "appointment_reminder" force row level security;

-- statement

create policy clinic_wall on "appointment_reminder" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "appointment_reminder" to clinic_console_system using (true) with check (true);
