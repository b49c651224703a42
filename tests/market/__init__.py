"""What docs/market promises to Bitrix24 Market, checked where a machine can."""
