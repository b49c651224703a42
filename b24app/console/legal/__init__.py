"""The privacy policy and the licence agreement, which anybody may read without opening Bitrix24."""
