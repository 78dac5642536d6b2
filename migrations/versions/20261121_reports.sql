CREATE TABLE takings_day (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	booked_on DATE NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	account_code VARCHAR(30) NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	doctor_id UUID, 
	location_id UUID, 
	came_minor BIGINT NOT NULL, 
	came_count INTEGER NOT NULL, 
	went_minor BIGINT NOT NULL, 
	went_count INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_takings_day_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_takings_day_booked_on ON takings_day (clinic_id, booked_on);

-- statement

alter table "takings_day" enable row level security;

-- statement

alter table "takings_day" force row level security;

-- statement

create policy clinic_wall on "takings_day" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "takings_day" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE revenue_day (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	booked_on DATE NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	service_id UUID, 
	doctor_id UUID, 
	location_id UUID, 
	net_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	invoice_count INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_revenue_day_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_revenue_day_booked_on ON revenue_day (clinic_id, booked_on);

-- statement

alter table "revenue_day" enable row level security;

-- statement

alter table "revenue_day" force row level security;

-- statement

create policy clinic_wall on "revenue_day" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "revenue_day" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE rolled_day (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	booked_on DATE NOT NULL, 
	rolled_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_rolled_day UNIQUE (clinic_id, booked_on), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_rolled_day_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "rolled_day" enable row level security;

-- statement

alter table "rolled_day" force row level security;

-- statement

create policy clinic_wall on "rolled_day" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "rolled_day" to clinic_console_system using (true) with check (true);
