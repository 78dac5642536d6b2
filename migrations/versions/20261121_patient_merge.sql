CREATE TABLE patient_merge (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	survivor_id UUID NOT NULL, 
	merged_id UUID NOT NULL, 
	merged_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	merged_by_id UUID, 
	reason VARCHAR(300) NOT NULL, 
	before JSONB NOT NULL, 
	after JSONB NOT NULL, 
	moved JSONB NOT NULL, 
	undone_at TIMESTAMP WITH TIME ZONE, 
	undone_by_id UUID, 
	undo_reason VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_patient_merge_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_patient_merge_survivor_id FOREIGN KEY(clinic_id, survivor_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_patient_merge_merged_id FOREIGN KEY(clinic_id, merged_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_patient_merge_survivor_id ON patient_merge (clinic_id, survivor_id);

-- statement

CREATE UNIQUE INDEX uq_patient_merge_standing ON patient_merge (clinic_id, merged_id) WHERE undone_at is null;

-- statement

CREATE INDEX ix_patient_merge_merged_id ON patient_merge (clinic_id, merged_id);

-- statement

alter table "patient_merge" enable row level security;

-- statement

alter table "patient_merge" force row level security;

-- statement

create policy clinic_wall on "patient_merge" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "patient_merge" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE patient_merge_row (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	merge_id UUID NOT NULL, 
	table_name VARCHAR(63) NOT NULL, 
	row_id UUID NOT NULL, 
	before JSONB, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_patient_merge_row UNIQUE (clinic_id, merge_id, table_name, row_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_patient_merge_row_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_patient_merge_row_merge_id FOREIGN KEY(clinic_id, merge_id) REFERENCES patient_merge (clinic_id, id)
);

-- statement

CREATE INDEX ix_patient_merge_row_row ON patient_merge_row (clinic_id, table_name, row_id);

-- statement

CREATE INDEX ix_patient_merge_row_merge_id ON patient_merge_row (clinic_id, merge_id);

-- statement

alter table "patient_merge_row" enable row level security;

-- statement

alter table "patient_merge_row" force row level security;

-- statement

create policy clinic_wall on "patient_merge_row" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "patient_merge_row" to clinic_console_system using (true) with check (true);
