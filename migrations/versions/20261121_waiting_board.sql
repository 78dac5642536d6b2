CREATE TABLE waiting_board (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	token_hash VARCHAR(64), 
	last_used_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_waiting_board_token_hash UNIQUE (token_hash), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_waiting_board_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_waiting_board_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_waiting_board_location_id ON waiting_board (clinic_id, location_id);

-- statement

alter table "waiting_board" enable row level security;

-- statement

alter table "waiting_board" force row level security;

-- statement

create policy clinic_wall on "waiting_board" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "waiting_board" to clinic_console_system using (true) with check (true);
