"""What a partner such as Tidepool needs to fetch a person's data with their consent: OAuth 2 and a data API."""
