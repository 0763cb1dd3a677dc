"""Companies that public reports of 20 October 2025 name, by category; nothing else is known of them here.

Lists of the day mix companies that were hit with those that users merely took for the cause (a carrier that
carried failing traffic). How many people each has, and what it needs, is drawn like everybody else's.
Sources: lists of the BBC, Sky, CNET, AFP and Metro of that day.
"""

NAMED: dict[str, tuple[str, ...]] = {
    "social": ("Snapchat", "Reddit", "Life360", "Flickr", "Wordle"),
    "communication": ("Signal", "Zoom", "Slack"),
    "games": (
        "Roblox", "Fortnite", "PlayStation Network", "Epic Games Store", "Clash Royale",
        "Clash of Clans", "Rocket League", "Pokemon Go", "Hay Day", "Dead by Daylight",
    ),
    "streaming": (
        "Amazon Prime Video", "Disney+", "Hulu", "Apple TV", "Amazon Music", "TIDAL", "IMDb",
    ),
    "shopping": ("Amazon shop", "McDonald's", "Eventbrite", "Square"),
    "home": ("Amazon Alexa", "Ring", "Blink", "Eight Sleep", "Peloton", "MyFitnessPal"),
    "banking": (
        "Lloyds Bank", "Halifax", "Bank of Scotland", "Venmo", "Coinbase", "Robinhood", "HMRC", "Xero",
    ),
    "telecom": ("Vodafone", "BT", "EE", "Sky Mobile"),
    "education": ("Duolingo", "Udemy", "Brightspace", "Ancestry"),
    "travel": ("Lyft", "Airbnb", "Delta Air Lines", "United Airlines"),
    "work": (
        "Canva", "Atlassian", "Jira", "Docker Hub", "Perplexity", "Asana", "Airtable", "Smartsheet",
        "Heroku", "Vercel", "Modal", "New York Times",
    ),
}  # fmt: skip

AT_HOME_IN_BRITAIN = frozenset(
    {"Lloyds Bank", "Halifax", "Bank of Scotland", "HMRC", "Vodafone", "BT", "EE", "Sky Mobile"}
)
"""Those of the list whose customers are British."""
