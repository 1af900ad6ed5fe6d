-- Each day everything held of an organisation is looked for by the organisation.
create index item_origins_organisation on casework.item_origins (organisation);
