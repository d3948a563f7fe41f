"""What a MySQL or MariaDB server has beside the loader's own tables: partitions, template, procedures, accounts."""
