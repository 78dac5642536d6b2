CREATE TABLE doctor_leave (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	cancelled_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_doctor_leave_times CHECK (starts_at < ends_at), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_doctor_leave_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_doctor_leave_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id)
);

-- statement

CREATE INDEX ix_doctor_leave_doctor ON doctor_leave (clinic_id, doctor_id, ends_at);

-- statement

alter table "doctor_leave" enable row level security;

-- statement

alter table "doctor_leave" force row level security;

-- statement

create policy clinic_wall on "doctor_leave" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "doctor_leave" to clinic_console_system using (true) with check (true);
