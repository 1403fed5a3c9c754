-- Where `pd.send.email` sends to when the step names nobody; null while nobody has said so.
ALTER TABLE projects ADD COLUMN email_recipient text;
