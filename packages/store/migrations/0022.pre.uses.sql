-- Which variables, accounts and data stores of the project a workflow uses, as far as its code and its inputs say it: a list of
-- {kind, name, step, file, line}. Null where nobody has looked.
ALTER TABLE versions ADD COLUMN uses jsonb;
ALTER TABLE drafts ADD COLUMN uses jsonb;

-- True once the first steps of the project are taken, or were dismissed.
ALTER TABLE projects ADD COLUMN first_steps_over boolean NOT NULL DEFAULT false;
