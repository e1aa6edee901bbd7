"""What it earned: reports, experiments' results, whether what was bought is used."""
